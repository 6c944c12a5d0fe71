"""`fhirstore sample`"""

from __future__ import annotations

from pathlib import Path

import click

from fhirstore import json_text
from fhirstore.sample import sample_bundles


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--patients", default=100, show_default=True, type=click.IntRange(0), help="How many."
)
@click.option("--seed", default=1, show_default=True, help="The same number, the same people.")
def sample(directory: Path, patients: int, seed: int) -> None:
    """Write transaction bundles of invented patients into DIRECTORY: nobody in them exists."""
    directory.mkdir(parents=True, exist_ok=True)
    for number, bundle in enumerate(sample_bundles(patients, seed)):
        # The places come first, since the others refer to them.
        (directory / f"{number:05}.json").write_text(json_text.dump(bundle), encoding="utf-8")
    click.echo(f"{patients} patients in {directory}")
