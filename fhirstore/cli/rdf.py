"""`fhirstore rdf`"""

from __future__ import annotations

import sys
from typing import cast

import click
from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from fhirstore import stored_turtle
from fhirstore.cli.graph_options import graph_options, left_out
from fhirstore.cli.options import database_options, existing_database_options
from fhirstore.cli.output import written_whole
from fhirstore.errors import MalformedContent
from fhirstore.graphs import DEFAULT_BASE
from fhirstore.rdf import Options
from fhirstore.rdf_export import Export, Format, Progress
from fhirstore.settings import Settings
from fhirstore.store import finish
from fhirstore.versions import Version


@click.group()
def rdf() -> None:
    """Resources as RDF graphs."""


@rdf.command()
@click.argument("address", default="")
@click.option(
    "--format",
    type=click.Choice(["ntriples", "nquads", "turtle"]),
    default="ntriples",
    show_default=True,
    help="In N-Quads each version is a graph, named by its address.",
)
@click.option("--history", is_flag=True, help="All versions, not only the current ones; N-Quads.")
@click.option(
    "--output",
    default="-",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="A file, written when all went well; standard output if not said.",
)
@graph_options
@click.option("--quiet", is_flag=True, help="No progress bar.")
@existing_database_options
def export(
    address: str,
    format: str,
    history: bool,
    output: str,
    base: str,
    concepts: bool,
    links: bool,
    header: bool,
    quiet: bool,
    settings: Settings,
) -> None:
    """Write RDF of what ADDRESS selects.

    Patient, Patient/1, 'Patient?name=mull', the compartment 'Patient/1/*' or 'Patient/1/Observation?code=...';
    without an ADDRESS everything. Ends with 1 if something could not be said in RDF and was left out.
    """
    options = Options(base=base, concepts=concepts, links=links, header=header)

    def refused(version: Version, error: MalformedContent) -> None:
        shown.console.print(left_out(version, error), markup=False, highlight=False, soft_wrap=True)

    shown = _bar(quiet)
    with settings.store() as store, shown, written_whole(output) as file:
        made = Export(
            store,
            address,
            options,
            format=cast(Format, format),
            history=history,
            refused=refused,
        )
        task = shown.add_task("", total=None, figures="")
        progress = made.write(file, lambda progress: _say(shown, task, progress))
    sys.exit(1 if progress.left_out else 0)


@rdf.command()
@click.argument("types", nargs=-1)
@click.option("--off", is_flag=True, help="Keep them no more, and take away what is there.")
@click.option(
    "--base",
    metavar="IRI",
    help=f"Where the resources stand; as it was if not said, {DEFAULT_BASE} for a type that kept none.",
)
@database_options
def keep(types: tuple[str, ...], off: bool, base: str | None, settings: Settings) -> None:
    """Keep the Turtle of each current resource of TYPES beside it; without TYPES say which types do.

    It is made for what is there, and from now on written with each version. Servers and loads that run already go on as
    they were, writing none or with --off still writing it: restart them, then run this again.
    """
    if not types and (off or base is not None):
        raise click.UsageError("say of which TYPES")
    if off and base is not None:
        raise click.UsageError("what keeps none any more has no base")
    with settings.store() as store:
        port, known = store.port, store.parts().definitions
        for type in types:
            if off:
                finish(stored_turtle.stop(port, known, type))
            else:
                before = finish(stored_turtle.kept(port)).get(type, DEFAULT_BASE)
                finish(stored_turtle.keep(port, known, type, before if base is None else base))
            done = finish(stored_turtle.rebuild(port, known, type))
            without = f", {done.without} that cannot have one" if done.without else ""
            click.echo(f"{type}: {done.changed} of {done.seen} changed{without}")
        if not types:
            for type, where in sorted(finish(stored_turtle.kept(port)).items()):
                click.echo(f"{type} below {where}")


def _bar(quiet: bool) -> Bar:
    console = Console(stderr=True)
    return Bar(
        BarColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
        console=console,
        disable=quiet or not console.is_terminal,
    )


def _say(bar: Bar, task: TaskID, progress: Progress) -> None:
    # Each update costs as much as half a resource.
    if progress.written % 50 and progress.written != progress.total:
        return
    bar.update(
        task,
        total=progress.total,
        completed=progress.written + progress.left_out,
        figures=f"{progress.written:,} resources",
    )
