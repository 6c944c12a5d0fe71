"""What there is to know of a database and its server, in plain words: `fhirstore doctor`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

from fhirstore import migrate, own_addresses, parameter_registry, stored_turtle
from fhirstore.capabilities import ServerCapabilities, probe
from fhirstore.catalogue import Catalogue, profile_for
from fhirstore.definitions import definitions
from fhirstore.documents import history_collection
from fhirstore.ports.port import Port

Severity = Literal["ok", "note", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found. `advice` says what to do about it, "" where nothing has to be done."""

    severity: Severity
    subject: str
    said: str
    advice: str = ""


async def examine(port: Port) -> AsyncIterator[Finding]:
    """Look at the server and the database, one finding after the other; nothing is changed."""
    capabilities = await probe(port)
    for finding in _server(capabilities):
        yield finding
    async for finding in _migrations(port):
        yield finding
    async for finding in _data(port):
        yield finding
    async for finding in _addresses(port):
        yield finding
    async for finding in _turtle(port):
        yield finding
    async for finding in _parameters(port):
        yield finding
    async for finding in _indexes(port, capabilities):
        yield finding


def _server(found: ServerCapabilities) -> list[Finding]:
    made = [Finding("ok", "server", f"{found.product} {found.version}, a {found.topology}")]
    if found.product == "MongoDB" and _major(found.version) < 6:
        made.append(Finding("problem", "server", "older than MongoDB 6", "use MongoDB 6 or newer"))
    if found.product == "SecantusDB":
        said = "good for development and small stores; some searches read the whole collection"
        made.append(Finding("note", "server", said, "for production use MongoDB"))
    if found.topology == "standalone":
        said = "one server: what it acknowledged is lost if its disk is"
        made.append(Finding("note", "topology", said, "use a replica set"))
    if found.transactions:
        made.append(Finding("ok", "transactions", "the server has them"))
    else:
        said = "the server has none; single writes are safe without"
        made.append(Finding("note", "transactions", said))
    profile = profile_for(found)
    made.append(Finding("ok", "indexes", f"made as {profile} indexes here"))
    return made


def _major(version: str) -> int:
    major = version.partition(".")[0]
    return int(major) if major.isdigit() else 0


async def _migrations(port: Port) -> AsyncIterator[Finding]:
    if newer := await migrate.unknown(port):
        yield Finding(
            "problem", "migrations",
            f"migration {max(newer)} is not known here: the database was written by a later fhirstore",
            "use the version that wrote it, or a later version",
        )  # fmt: skip
        return
    states = await migrate.status(port)
    pending = [state.step for state in states if state.finished is None]
    interrupted = [state.step for state in states if state.began and not state.finished]
    if not any(state.began for state in states):
        yield Finding("note", "migrations", "the database is new; the first use sets it up")
        return
    for step in interrupted:
        yield Finding(
            "problem", "migrations", f"step {step.number} {step.name} was interrupted",
            "`fhirstore migrate apply` goes on with it",
        )  # fmt: skip
    if pending:
        said = f"{len(pending)} steps have not run: {', '.join(step.name for step in pending)}"
        yield Finding("problem", "migrations", said, "`fhirstore migrate apply`")
    else:
        yield Finding("ok", "migrations", f"all {len(states)} steps have run")


async def _data(port: Port) -> AsyncIterator[Finding]:
    names = await port.collection_names()
    types = sorted(names & definitions("4.0").resource_types)
    current = past = 0
    for type in types:
        current += await port.estimated_count(type)
        if history_collection(type) in names:
            past += await port.estimated_count(history_collection(type))
    yield Finding(
        "ok", "data", f"about {current} resources of {len(types)} types, {past} past versions"
    )


async def _addresses(port: Port) -> AsyncIterator[Finding]:
    """Which references are local, by what those who opened the database said."""
    kept, wrong = await own_addresses.all_kept(port)
    if kept:
        yield Finding("ok", "addresses", f"the store is known under {', '.join(kept)}")
    if wrong:
        said = f"{wrong} of the addresses that are kept are no base URLs, and are passed over"
        yield Finding("note", "addresses", said, "the README, Base URLs, says how to remove them")


async def _turtle(port: Port) -> AsyncIterator[Finding]:
    """Each document of a type that keeps its graphs is looked at: no index could tell."""
    for type, projection in (await stored_turtle.projections(port, definitions("4.0"))).items():
        wrong, seen = await stored_turtle.false_ones(port, type, projection)
        if wrong:
            said = f"{wrong} of {seen} {type} have none, or not that of their version"
            advice = (
                f"`fhirstore rdf keep {type}`; a writer that was open before it began writes none"
            )
            yield Finding("problem", "turtle", said, advice)
        else:
            yield Finding("ok", "turtle", f"the graphs of {seen} {type} are as they should be")
    types = sorted(await port.collection_names() & definitions("4.0").resource_types)
    for type, count in (await stored_turtle.left_over(port, types)).items():
        said = f"{count} {type} have one, and the type keeps none any more"
        advice = f"`fhirstore rdf keep {type} --off`; a writer that was open before it goes on"
        yield Finding("problem", "turtle", said, advice)


async def _indexes(port: Port, capabilities: ServerCapabilities) -> AsyncIterator[Finding]:
    registry = await parameter_registry.read(port)
    known = registry.writing(definitions("4.0"))
    catalogue = Catalogue(port, known, profile_for(capabilities))
    states = await catalogue.status()
    for state, severity, advice in (
        ("missing", "problem", "`fhirstore indexes apply`"),
        ("different", "problem", "`fhirstore indexes apply --replace`"),
        ("extra", "note", "`fhirstore indexes apply --drop-extra`, if nobody needs them"),
    ):
        some = [f"{s.collection} {s.name}" for s in states if s.state == state]
        if some:
            shown = ", ".join(some[:5]) + (" ..." if len(some) > 5 else "")
            yield Finding(severity, "indexes", f"{len(some)} {state}: {shown}", advice)  # type: ignore[arg-type]
    present = sum(1 for s in states if s.state == "present")
    yield Finding("ok", "indexes", f"{present} of {len(states)} are as declared")


async def _parameters(port: Port) -> AsyncIterator[Finding]:
    """The search parameters that came later."""
    registry = await parameter_registry.read(port)
    for entry in registry.pending:
        said = f"{entry.row.code} of {', '.join(entry.row.bases)} is {entry.state} since {entry.since:%Y-%m-%d %H:%M}"
        yield Finding(
            "note", "parameters", said, "`fhirstore reindex`, or wait for a server to do it"
        )
    if registry.entries:
        active = len(registry.entries) - len(registry.pending)
        yield Finding("ok", "parameters", f"{active} search parameters of this database are active")
