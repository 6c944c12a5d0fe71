"""`fhirstore demo`."""

from __future__ import annotations

from pathlib import Path

import click

from fhirstore.cli.options import port_option
from fhirstore.demo import Demo


@click.command()
@click.option(
    "--patients",
    default=100,
    show_default=True,
    type=click.IntRange(0),
    help="How many sample patients.",
)
@port_option("Where the server answers.")
@click.option(
    "--directory",
    default=Path("demo-data"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where sample files and database go.",
)
@click.option("--stop", is_flag=True, help="Stop the server of an earlier run.")
def demo(patients: int, port: int, directory: Path, stop: bool) -> None:
    """Load sample patients into an embedded server and answer searches on a local port."""
    shown = Demo(directory, click.echo)
    if stop:
        click.echo("stopped" if shown.stop() else "no demo was running")
    else:
        shown.run(patients=patients, port=port)
