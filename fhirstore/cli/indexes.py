"""`fhirstore indexes plan|apply|status`"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from fhirstore.catalogue import Change, IndexStatus
from fhirstore.cli.options import database_options, existing_database_options
from fhirstore.ports.port import CommandFailed
from fhirstore.settings import Settings
from fhirstore.store import Store, finish

_WIDE = 200
_TYPES = click.argument("types", nargs=-1)
_ALL = click.option("--all", "every", is_flag=True, help="All types, stored or not.")
_REPLACE = click.option("--replace", is_flag=True, help="Also make anew what is different.")
_DROP = click.option("--drop-extra", is_flag=True, help="Also drop what is not declared.")


@click.group()
def indexes() -> None:
    """Compare the indexes of a database with those declared in indexes/, and make what is missing.

    TYPES limits each command to some resource types; otherwise it is about those that the database has.
    """


@indexes.command()
@_TYPES
@_ALL
@_REPLACE
@_DROP
@existing_database_options
def plan(settings: Settings, **asked: Any) -> None:
    """Say what apply would do; nothing is changed."""
    with settings.store() as store:
        changes = _changes(store, **asked)
        for change in changes:
            click.echo(_said(change))
        click.echo(f"{len(changes)} changes" if changes else "nothing to do")


@indexes.command()
@_TYPES
@_ALL
@_REPLACE
@_DROP
@database_options
def apply(settings: Settings, **asked: Any) -> None:
    """Make the missing indexes. Nothing is dropped unless --replace or --drop-extra says so."""
    with settings.store() as store:
        changes = _changes(store, **asked)
        refused = 0
        for change in changes:
            click.echo(_said(change))
            try:
                finish(store.parts().catalogue.apply(change))
            except CommandFailed as error:
                # The others do not depend on it.
                refused += 1
                where = f"{change.collection} {change.name}"
                click.echo(f"error: {where}: the server refused: {error}", err=True)
        made = f"{len(changes) - refused} changes made" if changes else "nothing to do"
        click.echo(f"{made}, {refused} refused" if refused else made)
    if refused:
        sys.exit(1)


@indexes.command()
@_TYPES
@click.option("--verbose", is_flag=True, help="Those that are as declared too.")
@existing_database_options
def status(types: Sequence[str], verbose: bool, settings: Settings) -> None:
    """Say which indexes are missing, extra, different or unused, and how large they are."""
    with settings.store() as store:
        found = finish(store.parts().catalogue.status(_checked(store, types) or None))
    shown = found if verbose else [s for s in found if s.state != "present" or s.unused]
    if shown:
        console = Console()
        if not console.is_terminal:
            # Into a pipe or a file: nobody can widen that, and half a name is of no use.
            console.width = _WIDE
        console.print(_table(shown))
    sizes = [s.bytes for s in found if s.bytes is not None]
    size = f", {sum(sizes) / 1e6:.1f} MB" if sizes else ""
    good = sum(1 for s in found if s.state == "present")
    click.echo(f"{good} of {len(found)} indexes are as declared{size}")


def _changes(
    store: Store, types: Sequence[str], every: bool, replace: bool, drop_extra: bool
) -> list[Change]:
    catalogue = store.parts().catalogue
    wanted = sorted(store.parts().definitions.resource_types) if every else _checked(store, types)
    return finish(catalogue.plan(wanted or None, replace=replace, drop_extra=drop_extra))


def _checked(store: Store, types: Sequence[str]) -> list[str]:
    return [store.parts().repository.check_type(type) for type in types]


def _said(change: Change) -> str:
    keys = "" if change.specification is None else f" {dict(change.specification['key'])}"
    return f"{change.action} {change.collection} {change.name}{keys}"


def _table(found: list[IndexStatus]) -> Table:
    table = Table("collection", "index", "state", "size", "uses", "for")
    for status in found:
        table.add_row(
            status.collection,
            status.name,
            "unused" if status.unused else status.state,
            "" if status.bytes is None else f"{status.bytes / 1e6:.2f} MB",
            "" if status.uses is None else str(status.uses),
            status.why,
        )
    return table
