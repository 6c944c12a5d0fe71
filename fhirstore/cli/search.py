"""`fhirstore search`"""

from __future__ import annotations

import click

from fhirstore.cli.options import database_options
from fhirstore.settings import Settings


@click.command()
@click.argument("query")
@click.option("--limit", default=0, help="At most so many; 0 for all.")
@click.option("--count", is_flag=True, help="Only how many there are.")
@database_options
def search(query: str, limit: int, count: bool, settings: Settings) -> None:
    """Print what a search finds, one resource a line: 'Patient?name=mull&birthdate=lt1980'."""
    type, _, parameters = query.partition("?")
    with settings.store() as store:
        if count:
            page = store.search(
                type, f"{parameters}&_summary=count" if parameters else "_summary=count"
            )
            click.echo(page.total)
            return
        for number, match in enumerate(store.iterate(type, parameters), 1):
            click.echo(match.json)
            if number == limit:
                return
