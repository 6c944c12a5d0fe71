"""`fhirstore migrate status|apply`"""

from __future__ import annotations

import click

from fhirstore import migrate as migrations
from fhirstore.cli.options import database_options, existing_database_options
from fhirstore.settings import Settings
from fhirstore.store import finish


@click.group()
def migrate() -> None:
    """Bring a database to what this version of fhirstore expects."""


@migrate.command()
@existing_database_options
def status(settings: Settings) -> None:
    """Say which steps have run, and when."""
    store = settings.store()
    try:
        for entry in finish(migrations.status(store.port)):
            state = "pending"
            if entry.finished is not None:
                state = f"finished {entry.finished:%Y-%m-%d %H:%M:%S} UTC"
            elif entry.began is not None:
                state = "interrupted"
            click.echo(f"{entry.step.number:04} {entry.step.name}: {entry.step.summary}. {state}")
    finally:
        store.close()


@migrate.command()
@click.option("--dry-run", is_flag=True, help="Only say what would run, and how long it takes.")
@database_options
def apply(dry_run: bool, settings: Settings) -> None:
    """Run the steps that have not run yet. May be interrupted and run again."""
    if dry_run:
        settings.require_store()
    store = settings.store()
    try:
        if dry_run:
            due = finish(migrations.pending(store.port))
            for step in due:
                _say(step)
            click.echo(f"{len(due)} steps would run" if due else "nothing to do")
            return
        ran = finish(migrations.apply(store.port, _say))
        click.echo(f"{len(ran)} steps were run" if ran else "nothing to do")
    finally:
        store.close()


def _say(step: migrations.Step) -> None:
    click.echo(f"{step.number:04} {step.name}: {step.summary} ({step.duration})")
