"""`fhirstore advise`"""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table

from fhirstore import query_shapes
from fhirstore.advising import FEWEST, helpful, unused
from fhirstore.cli.options import existing_database_options
from fhirstore.query_shapes import Recorded
from fhirstore.settings import Settings
from fhirstore.store import finish

_MOST_SHOWN = 20


@click.command()
@click.option(
    "--record",
    type=click.FloatRange(0, 1),
    help="Record that part of all searches from now on: 0.01 is one in a hundred, 0 none.",
)
@click.option("--forget", is_flag=True, help="Empty the record.")
@existing_database_options
def advise(record: float | None, forget: bool, settings: Settings) -> None:
    """Say which index would help, and which nobody uses, by what has been asked.

    What is asked is recorded only after --record: names of parameters, never values, with times and counts. Servers that
    run already begin when they are restarted.
    """
    with settings.store() as store:
        if forget:
            finish(query_shapes.forget(store.port))
        if record is not None:
            finish(query_shapes.record_at(store.port, record))
        part = finish(query_shapes.rate(store.port))
        found = finish(query_shapes.recorded(store.port))
        parts = store.parts()
        there = finish(parts.catalogue.status())
        definitions = parts.definitions
    click.echo(
        f"{part:.2%} of all searches are recorded"
        if part
        else "searches are not recorded: --record 0.01"
    )
    _asked(found)
    for one in helpful(found, there, definitions):
        r = one.recorded
        click.echo(
            f"would help: {r.shape.key} ({r.count:,} recorded, {r.mean:.1f} ms each, "
            f"{r.examined:,} documents examined for {r.returned:,} results)\n    {one.command}"
        )
    for idle in unused(found, there):
        size = "" if idle.status.bytes is None else f", {idle.status.bytes / 1e6:.1f} MB"
        why = (
            "never used since the server started"
            if idle.by == "server"
            else "nothing recorded asks it"
        )
        click.echo(f"unused: {idle.status.collection} {idle.status.name}{size}: {why}")


def _asked(found: Sequence[Recorded]) -> None:
    if sum(one.count for one in found) < FEWEST:
        click.echo(f"fewer than {FEWEST} searches are in the record: that is too little for advice")
    if not found:
        return
    table = Table("search", "recorded", "ms each", "longest", "examined for a result")
    for one in found[:_MOST_SHOWN]:
        each = f"{one.examined / one.returned:.1f}" if one.returned else ""
        table.add_row(
            one.shape.key, f"{one.count:,}", f"{one.mean:.1f}", f"{one.longest:.1f}", each
        )
    console = Console()
    if not console.is_terminal:
        # Into a pipe or a file: nobody can widen that, and half a name is of no use.
        console.width = 250
    console.print(table)
