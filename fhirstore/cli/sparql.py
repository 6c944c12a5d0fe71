"""`fhirstore sparql`"""

from __future__ import annotations

import sys
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fhirstore.cli.graph_options import base_option, left_out
from fhirstore.cli.options import existing_database_options
from fhirstore.errors import MalformedContent
from fhirstore.rdf import Options
from fhirstore.rdf_export import Export, Progress
from fhirstore.settings import Settings
from fhirstore.versions import Version

if TYPE_CHECKING:
    from fhirstore.sparql import Answer


@click.command()
@click.argument("query")
@click.option(
    "--over",
    default="",
    metavar="ADDRESS",
    help="What is asked: Patient, 'Observation?code=...', the compartment 'Patient/1/*'; everything if not said.",
)
@click.option(
    "--format",
    type=click.Choice(["table", "csv", "tsv", "json"]),
    default="table",
    show_default=True,
    help="Of solutions; graphs (CONSTRUCT, DESCRIBE) are written in Turtle.",
)
@click.option(
    "--disk", is_flag=True, help="Build the graph in a temporary directory instead of in memory."
)
@base_option
@existing_database_options
def sparql(query: str, over: str, format: str, disk: bool, base: str, settings: Settings) -> None:
    """Answer QUERY, or the query on standard input where QUERY is -, from a graph that is built for it.

    The prefixes fhir:, sct:, loinc:, rdf:, owl: and xsd: are declared. Numbers and dates are normalised on the way (72.50 is
    72.5): what a resource says exactly is in the store, not here. Ends with 1 if something could not be said in RDF and was
    left out.
    """
    try:
        from fhirstore.sparql import ask, check, load
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"{error.name} is not installed: pip install 'fhirstore-mongodb[sparql]'"
        ) from None
    text = sys.stdin.read() if query == "-" else query
    check(text)
    with settings.store() as store, TemporaryDirectory() as directory:
        progress = Progress()
        made = Export(store, over, Options(base=base, header=False), refused=_refused)
        graphs = made.texts(progress=progress)
        answer = ask(load(graphs, directory if disk else None), text)
        if format == "table" and answer.variables:
            _print_table(answer)
        else:
            click.echo(answer.text(format), nl=False)
    sys.exit(1 if progress.left_out else 0)


def _refused(version: Version, error: MalformedContent) -> None:
    click.echo(left_out(version, error), err=True)


def _print_table(answer: Answer) -> None:
    table = Table(*answer.variables)
    for row in answer.rows():
        table.add_row(*(escape(text) for text in row))
    Console().print(table)
