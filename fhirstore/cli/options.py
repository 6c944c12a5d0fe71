"""The options by which commands are told their database."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from fhirstore.settings import Settings


def database_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--uri`, `--path` and `--database`; the command gets them as `settings`."""

    @click.option("--uri", help="A MongoDB server: mongodb://host/...")
    @click.option(
        "--path",
        type=click.Path(file_okay=False, path_type=Path),
        help="A directory with an embedded server.",
    )
    @click.option("--database", help="The database on that server; fhir if not said.")
    @wraps(command)
    def with_settings(
        *arguments: Any, uri: str | None, path: Path | None, database: str | None, **options: Any
    ) -> Any:
        if uri and path:
            raise click.UsageError("--uri and --path exclude each other")
        settings = Settings.of(uri=uri, path=path, database=database)
        return command(*arguments, settings=settings, **options)

    return with_settings
