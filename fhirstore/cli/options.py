"""The options by which commands are told their database."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from fhirstore.settings import DEFAULT_PATH, Settings


def database_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--uri`, `--path` and `--database`; the command gets them as `settings`."""

    @click.option("--uri", help="A MongoDB server: mongodb://host/...")
    @click.option(
        "--path",
        type=click.Path(file_okay=False),
        help=f"A directory with an embedded server; {DEFAULT_PATH} here if neither is said.",
    )
    @click.option("--database", help="The database on that server; fhir if not said.")
    @wraps(command)
    def with_settings(
        *arguments: Any, uri: str | None, path: str | None, database: str | None, **options: Any
    ) -> Any:
        if uri and path:
            raise click.UsageError("--uri and --path exclude each other")
        try:
            settings = Settings.of(uri=uri, path=path, database=database)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        return command(*arguments, settings=settings, **options)

    return with_settings


def port_option(help: str) -> Callable[..., Any]:
    """Where a command's server listens."""
    return click.option(
        "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help=help
    )


def existing_database_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a command that reads: a directory without a store is refused, where others would begin one."""

    @wraps(command)
    def with_a_store(*arguments: Any, settings: Settings, **options: Any) -> Any:
        settings.require_store()
        return command(*arguments, settings=settings, **options)

    return database_options(with_a_store)
