"""`fhirstore search`"""

from __future__ import annotations

from dataclasses import replace

import click

from fhirstore import selection
from fhirstore.cli.options import existing_database_options
from fhirstore.settings import Settings
from fhirstore.store import each


@click.command()
@click.argument("query")
@click.option("--limit", default=0, type=click.IntRange(0), help="At most so many; 0 for all.")
@click.option("--count", is_flag=True, help="Only how many there are.")
@existing_database_options
def search(query: str, limit: int, count: bool, settings: Settings) -> None:
    """Print what a search finds and includes, one resource a line.

    \b
    'Patient?name=mull&birthdate=lt1980'
    'Patient/1/Observation?code=8867-4'    within a compartment
    'Patient/1/*'                          all of a compartment
    '?_type=Patient,Group&_id=1'           of several types
    """
    asked = selection.parse(query)
    with settings.store() as store:
        if count:
            asked = replace(asked, query=f"{asked.query}&_summary=count".removeprefix("&"))
            page = store.search(asked.type, asked.query, compartment=asked.compartment)
            click.echo(page.total)
            return
        for number, match in enumerate(each(selection.versions(store.parts(), asked)), 1):
            click.echo(match.json)
            if number == limit:
                return
