"""`fhirstore explain`"""

from __future__ import annotations

import click

from fhirstore.cli.options import existing_database_options
from fhirstore.settings import Settings


@click.command()
@click.argument("query")
@existing_database_options
def explain(query: str, settings: Settings) -> None:
    """Say how a search is answered: 'Observation?code=8867-4&date=ge2020'."""
    type, _, parameters = query.partition("?")
    with settings.store() as store:
        click.echo(str(store.explain(type, parameters)))
