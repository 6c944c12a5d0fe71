"""`fhirstore search`"""

from __future__ import annotations

from dataclasses import replace

import click

from fhirstore import selection
from fhirstore.cli.options import existing_database_options
from fhirstore.search.query_string import pairs
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
    if count and asked.id is not None:
        asked = replace(asked, id=None, query=f"_id={asked.id}")
    if count and not _asks_for_a_count(asked.query):
        asked = replace(asked, query=f"{asked.query}&_summary=count".removeprefix("&"))
    with settings.store() as store:
        if _asks_for_a_count(asked.query):
            page = store.search(asked.type, asked.query, compartment=asked.compartment)
            click.echo(page.total)
            return
        for number, match in enumerate(each(selection.versions(store.parts(), asked)), 1):
            click.echo(match.json)
            if number == limit:
                return


def _asks_for_a_count(query: str) -> bool:
    """Whether the answer is a number (spec page search, _summary and _count)."""
    return not {("_summary", "count"), ("_count", "0")}.isdisjoint(pairs(query))
