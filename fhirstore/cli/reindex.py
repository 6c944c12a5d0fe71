"""`fhirstore reindex`"""

from __future__ import annotations

import hashlib
import sys
import time
from importlib.metadata import version

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from fhirstore import parameter_registry, stored_turtle
from fhirstore.cli.options import database_options
from fhirstore.definitions import definitions
from fhirstore.opened import Opened, looked_again
from fhirstore.reindexing import Gone, Reindexing
from fhirstore.settings import Settings
from fhirstore.store import finish


@click.command()
@click.argument("types", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All types that have resources.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@database_options
def reindex(types: tuple[str, ...], every: bool, quiet: bool, settings: Settings) -> None:
    """Build what is pending of search parameters; then derive again what resources of TYPES are found by.

    Reads and writes go on meanwhile. Interrupted, it goes on where it was when it is run again. A type needs it after a
    change of the definitions; nothing is written where all is as it should be. Ends with 1 if nothing could be derived
    from some resource.
    """
    with settings.store() as store:
        parts = store.parts()
        wanted = finish(parts.stored_types()) if every else [
            parts.repository.check_type(type) for type in types
        ]  # fmt: skip
        bar = _Bar(quiet)
        with bar.shown:
            finish(parameter_registry.sync(parts.setting.port, definitions("4.0")))
            finish(parts.building(lambda: False, bar.say).run())
            parts = finish(looked_again(parts))
            failed = sum(_type(parts, type, bar) for type in wanted)
        _print(finish(parameter_registry.read(parts.setting.port)))
    sys.exit(1 if failed else 0)


def _type(parts: Opened, type: str, bar: _Bar) -> int:
    """Derive a type again; how many resources nothing could be derived from."""
    port = parts.setting.port
    reindexing = Reindexing(port, parts.repository.pipeline, say=bar.say)
    began = time.monotonic()
    job = f"type-{type}-{_derivation(parts)}"
    # What an interrupted run has done by other rules is to be done again.
    finish(reindexing.forget_others(f"type-{type}-", job))
    gone = finish(reindexing.type(type, job))
    finish(reindexing.forget(job))
    turtle = 0
    if type in finish(stored_turtle.kept(port)) or finish(stored_turtle.left_over(port, [type])):
        turtle = finish(stored_turtle.rebuild(port, parts.definitions, type)).changed
    seen, seconds = sum(each.seen for each in gone), time.monotonic() - began
    changed, failed = sum(each.changed for each in gone), sum(each.failed for each in gone)
    said = (
        f"{type}: {changed:,} of {seen:,} versions changed, {seen / (seconds or 1):,.0f} a second"
    )
    said += f", {turtle:,} graphs" if turtle else ""
    click.echo(said + (f", {failed:,} failed" if failed else ""))
    return failed


def _derivation(parts: Opened) -> str:
    """By what values are derived: the same for the same version, parameters and base URLs."""
    setting = parts.setting
    said = repr(
        (version("fhirstore-mongodb"), parts.registry.generation, sorted(setting.base_urls))
    )
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def _print(registry: parameter_registry.Registry) -> None:
    if not registry.entries:
        return
    table = Table("parameter", "types", "state", "since", "defined by")
    for entry in registry.entries:
        row = entry.row
        table.add_row(
            row.code, ", ".join(row.bases), entry.state, f"{entry.since:%Y-%m-%d %H:%M}", row.url
        )
    Console().print(table)


class _Bar:
    """A bar for each collection."""

    def __init__(self, quiet: bool) -> None:
        console = Console(stderr=True)
        self.shown = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=console,
            disable=quiet or not console.is_terminal,
        )
        self._began: dict[str, tuple[TaskID, float, int]] = {}

    def say(self, gone: Gone) -> None:
        if gone.collection not in self._began:
            task = self.shown.add_task(gone.collection, figures="")
            self._began[gone.collection] = (task, time.monotonic(), gone.seen)
        task, began, before = self._began[gone.collection]
        rate = (gone.seen - before) / (time.monotonic() - began or 1)
        figures = f"{gone.seen:,} seen, {gone.changed:,} changed, {rate:,.0f}/s"
        self.shown.update(task, total=gone.total or 1, completed=gone.seen, figures=figures)
