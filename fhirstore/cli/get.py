"""`fhirstore get`"""

from __future__ import annotations

import click

from fhirstore import json_text
from fhirstore.cli.options import existing_database_options
from fhirstore.settings import Settings


@click.command()
@click.argument("address")
@click.option("--history", is_flag=True, help="One line for each version instead.")
@existing_database_options
def get(address: str, history: bool, settings: Settings) -> None:
    """Print a resource: Patient/1, or one of its versions: Patient/1/_history/2."""
    parts = address.strip("/").split("/")
    if len(parts) not in (2, 4) or (len(parts) == 4 and parts[2] != "_history"):
        raise click.UsageError("an address is Type/id or Type/id/_history/version")
    with settings.store() as store:
        if history:
            token = None
            while True:
                page = store.history(parts[0], parts[1], page=token)
                for entry in page.entries:
                    click.echo(
                        f"{entry.version}\t{entry.last_updated:%Y-%m-%dT%H:%M:%S.%fZ}\t{entry.method}"
                    )
                token = page.next
                if token is None:
                    return
        version = (
            store.vread(parts[0], parts[1], parts[3])
            if len(parts) == 4
            else store.read(parts[0], parts[1])
        )
    click.echo(json_text.pretty(version.json or ""))
