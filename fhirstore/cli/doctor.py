"""`fhirstore doctor`"""

from __future__ import annotations

import sys

import click

from fhirstore.cli.options import existing_database_options
from fhirstore.doctor import Finding, examine
from fhirstore.settings import Settings
from fhirstore.store import finish

_SIGNS = {"ok": "  ", "note": "i ", "problem": "! "}


@click.command()
@existing_database_options
def doctor(settings: Settings) -> None:
    """Say what server and database there are. Ends with 1 if something has to be done."""
    click.echo(f"database {settings.place}")
    store = settings.store()
    try:
        found = finish(_all(store.port))
    finally:
        store.close()
    for finding in found:
        advice = f" -> {finding.advice}" if finding.advice else ""
        click.echo(f"{_SIGNS[finding.severity]}{finding.subject}: {finding.said}{advice}")
    if any(finding.severity == "problem" for finding in found):
        sys.exit(1)


async def _all(port: object) -> list[Finding]:
    return [finding async for finding in examine(port)]  # type: ignore[arg-type]
