"""The command line: `fhirstore COMMAND`. Each command is a module of its own, imported when it is used."""

from __future__ import annotations

import errno
import sys
from importlib import import_module
from typing import Any

import click

from fhirstore.cli.output import let_go_of_output
from fhirstore.cli.signals import as_interrupts
from fhirstore.errors import FhirError
from fhirstore.ports.port import CommandFailed

_COMMANDS = {
    "advise": "Say which index would help, and which nobody uses, by what is asked.",
    "demo": "Load sample patients into an embedded server and answer searches.",
    "doctor": "Say what server and database there are, and what would be good to know of them.",
    "explain": "Say how a search is answered, and on which indexes.",
    "get": "Print a resource, or one of its versions.",
    "indexes": "Compare the database's indexes with those declared, and make what is missing.",
    "load": "Load JSON, bundles and NDJSON: files, directories and archives.",
    "migrate": "Bring a database to what this version expects.",
    "rdf": "Write resources as RDF.",
    "reindex": "Derive search values again, and build search parameters that came later.",
    "sample": "Write bundles of invented patients.",
    "search": "Print what a search finds, one resource a line.",
    "serve": "Answer FHIR's HTTP interactions.",
    "sparql": "Ask a question in SPARQL, of an embedded Oxigraph.",
    "validate": "Check resources in files, without a database.",
}


class _Commands(click.Group):
    """Knows its commands by name, and imports one when it is used."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"fhirstore.cli.{name}"), name)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def invoke(self, context: click.Context) -> Any:
        """Errors of the store are for a person here, not for a programmer."""
        try:
            with as_interrupts():
                return super().invoke(context)
        except CommandFailed as error:
            # Its outcome says less than a person needs here, for it is also what a client is shown.
            click.echo(f"error: the server refused: {error}", err=True)
            sys.exit(1)
        except FhirError as error:
            for issue in error.issues:
                where = f"{issue.expression}: " if issue.expression else ""
                click.echo(f"{issue.severity}: {where}{issue.diagnostics}", err=True)
            sys.exit(1)
        except OSError as error:
            if error.errno == errno.EPIPE:
                # A reader that stopped early, which click knows to be no error.
                raise
            where = f"{error.filename}: " if error.filename is not None else ""
            click.echo(f"error: {where}{error.strerror or error}", err=True)
            let_go_of_output()
            sys.exit(1)


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fhirstore-mongodb", prog_name="fhirstore")
def main() -> None:
    """A native FHIR store on MongoDB.

    Commands that need a database take --uri for a MongoDB server or --path for a directory with an embedded one, or the
    environment variables FHIRSTORE_URI, FHIRSTORE_PATH and FHIRSTORE_DATABASE.
    """
