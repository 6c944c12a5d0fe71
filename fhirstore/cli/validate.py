"""`fhirstore validate`"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fhirstore.definitions import definitions
from fhirstore.documents import Pipeline
from fhirstore.errors import FhirError, Issue
from fhirstore.load.bundles import Entry, split
from fhirstore.load.sources import Item, Refused, Sources


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def validate(paths: tuple[Path, ...]) -> None:
    """Check resources in files, directories and archives, without a database. Ends with 1 if any is wrong."""
    pipeline = Pipeline(definitions("4.0"))
    good = bad = 0
    for item in Sources(paths):
        for where, issues in _checked(pipeline, item):
            wrong = [issue for issue in issues if issue.severity in ("error", "fatal")]
            good, bad = good + (not wrong), bad + bool(wrong)
            for issue in issues:
                click.echo(
                    f"{where}: {issue.severity}: {issue.expression or ''}: {issue.diagnostics}"
                )
    click.echo(f"{good} resources are well, {bad} are not")
    if bad:
        sys.exit(1)


def _checked(pipeline: Pipeline, item: Item | Refused) -> list[tuple[str, list[Issue]]]:
    if isinstance(item, Refused):
        return [(item.source, list(item.error.issues))]
    try:
        return [(_where(item, entry), _issues(pipeline, entry)) for entry in split(item.content)]
    except FhirError as error:
        return [(item.source, list(error.issues))]


def _where(item: Item, entry: Entry) -> str:
    return item.source if entry.number is None else f"{item.source} entry {entry.number}"


def _issues(pipeline: Pipeline, entry: Entry) -> list[Issue]:
    try:
        return pipeline.check(pipeline.parse(entry.text))
    except FhirError as error:
        return list(error.issues)
