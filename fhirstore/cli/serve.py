"""`fhirstore serve`"""

from __future__ import annotations

from typing import Literal, cast

import click

from fhirstore.cli.options import database_options, port_option
from fhirstore.settings import Settings

_MEBIBYTE = 1024 * 1024


@click.command()
@port_option("0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--base-url",
    help="The address under which clients know the service, if a proxy stands before it.",
)
@click.option(
    "--base-path", default="/fhir", show_default=True, help="Where the service lives on its host."
)
@click.option(
    "--trust-forwarded", is_flag=True, help="Believe X-Forwarded-*: only behind a proxy of yours."
)
@click.option("--handling", type=click.Choice(["strict", "lenient"]), default="strict", show_default=True,
              help="Unknown search parameters, where the client states no preference.")  # fmt: skip
@click.option(
    "--limit",
    default=16,
    show_default=True,
    type=click.IntRange(1),
    help="The largest content of a request, in MB.",
)
@click.option("--cors", multiple=True, help="An origin whose scripts may call; may be repeated.")
@click.option(
    "--access-log", is_flag=True, help="Log requests. Their addresses may hold health data."
)
@database_options
def serve(
    port: int,
    host: str,
    base_url: str | None,
    base_path: str,
    trust_forwarded: bool,
    handling: str,
    limit: int,
    cors: tuple[str, ...],
    access_log: bool,
    settings: Settings,
) -> None:
    """Answer FHIR's HTTP interactions, until interrupted."""
    try:
        from fhirstore.rest.serve import run
        from fhirstore.rest.settings import RestSettings
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"{error.name} is not installed: pip install 'fhirstore-mongodb[rest]'"
        ) from None
    try:
        rest = RestSettings(
            base_path=base_path,
            base_url=base_url,
            trust_forwarded=trust_forwarded,
            body_limit=limit * _MEBIBYTE,
            handling=cast(Literal["strict", "lenient"], handling),
            cors_origins=cors,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    run(
        lambda url: settings.async_store((url,)),
        rest,
        host=host,
        port=port,
        announce=lambda url: click.echo(f"answering at {url}, from the database {settings.place}"),
        access_log=access_log,
    )
