"""`fhirstore load`"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from fhirstore.cli.options import database_options
from fhirstore.load.report import Progress as HowFar
from fhirstore.load.report import Report
from fhirstore.load.run import Load
from fhirstore.settings import Settings
from fhirstore.store import Store
from fhirstore.validation import Level


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    help="Worker processes; as many as the server is good for, if not said.",
)
@click.option(
    "--rejects",
    default=Path("rejects.ndjson"),
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where what is rejected goes, each with its OperationOutcome.",
)
@click.option(
    "--validation",
    type=click.Choice(["structure", "off"]),
    help="Structure, unless FHIRSTORE_VALIDATION says off.",
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
@database_options
def load(
    paths: tuple[Path, ...],
    processes: int | None,
    rejects: Path,
    validation: Level | None,
    quiet: bool,
    settings: Settings,
) -> None:
    """Load JSON resources, bundles and NDJSON from files, directories and archives (.gz, .zip, .tar, .tar.zst).

    May be interrupted and run again: what is there already and says the same is left alone. Ends with 1 if anything was
    rejected.
    """
    if validation is not None:
        settings = settings.model_copy(update={"validation": validation})
    server = None
    if settings.uri is None:
        from fhirstore.embedded import start

        server = start(settings.path)
        settings = settings.model_copy(update={"uri": server.uri})
    console = Console(stderr=True)
    shown = Progress(
        TextColumn("{task.fields[phase]}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%  {task.fields[figures]}"),
        TimeRemainingColumn(),
        console=console,
        disable=quiet or not console.is_terminal,
    )
    task = shown.add_task("", total=1, phase="reading", figures="")

    def say(progress: HowFar) -> None:
        rate = progress.resources / progress.seconds if progress.seconds else 0
        figures = f"{progress.resources:,} resources, {rate:,.0f}/s"
        if progress.rejected:
            figures += f", {progress.rejected:,} rejected"
        if progress.phase == "finishing":
            figures += f", {progress.waiting:,} left"
        shown.update(
            task,
            total=progress.size or 1,
            completed=progress.read,
            phase=progress.phase,
            figures=figures,
        )

    try:
        with shown:
            report = Load(paths, partial(_connect, settings), processes, rejects, say).run()
    finally:
        if server is not None:
            server.close()
    _print(report)
    sys.exit(report.exit_code)


def _connect(settings: Settings) -> Store:
    return settings.store()


def _print(report: Report) -> None:
    table = Table("type", "created", "updated", "unchanged", "overtaken", "rejected")
    for type, c in sorted(report.types.items()):
        counted = (c.created, c.updated, c.unchanged, c.overtaken, c.rejected)
        table.add_row(type, *(f"{n:,}" if n else "" for n in counted))
    total = report.total
    Console().print(table)
    click.echo(f"{total.total:,} resources in {report.seconds:.1f} s, {report.rate:,.0f} a second")
    if report.skipped:
        click.echo(f"{report.skipped} files were passed over: no JSON, NDJSON or archive")
    for reason in report.reasons:
        click.echo(f"rejected: {reason}", err=True)
    if report.pending_parameters:
        click.echo(
            f"{report.pending_parameters} search parameters came or went: `fhirstore reindex` builds them now, "
            "a server does beside its work"
        )
    if report.rejects is not None:
        click.echo(f"all that was rejected is in {report.rejects}", err=True)
    if report.interrupted:
        click.echo("interrupted; run it again to go on", err=True)
