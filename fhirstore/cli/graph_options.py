"""What commands that make graphs have in common: options, and what they say of a version that no graph can say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from fhirstore.errors import FhirError
from fhirstore.graphs import DEFAULT_BASE
from fhirstore.versions import Version


def graph_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--base` and those that say what is left out."""
    for option in (
        click.option("--header/--no-header", default=True, help="Each graph is an ontology."),
        click.option("--links/--no-links", default=True, help="fhir:link, where references lead."),
        click.option(
            "--concepts/--no-concepts",
            default=True,
            help="The classes of codings (SNOMED CT, LOINC).",
        ),
        base_option,
    ):
        command = option(command)
    return command


def base_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--base",
        default=DEFAULT_BASE,
        show_default=True,
        metavar="IRI",
        help="Where the resources stand: Patient/1 is the node IRI/Patient/1.",
    )(command)


def left_out(version: Version, error: FhirError) -> str:
    issue = error.issues[0]
    where = f"{issue.expression}: " if issue.expression else ""
    return f"left out: {version.type}/{version.id}/_history/{version.version}: {where}{issue.diagnostics}"
