"""`fhirstore explain`"""

from __future__ import annotations

import click

from fhirstore import selection
from fhirstore.cli.options import existing_database_options
from fhirstore.settings import Settings


@click.command()
@click.argument("query")
@existing_database_options
def explain(query: str, settings: Settings) -> None:
    """Say how a search is answered: 'Observation?code=8867-4&date=ge2020'."""
    asked = selection.parse(query)
    if asked.type is None or asked.id is not None or asked.compartment is not None:
        raise click.UsageError(
            "what is explained is a search of one type, as 'Observation?code=8867-4', not within a compartment"
        )
    with settings.store() as store:
        click.echo(str(store.explain(asked.type, asked.query)))
