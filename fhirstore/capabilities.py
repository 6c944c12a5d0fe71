"""What a server can do beyond what all compatible servers share, found by asking it.

Nothing that the store promises depends on any of it: each capability chooses between two ways to the same answer, and
`fhirstore doctor` shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fhirstore.ports.port import CommandFailed, Port

_PRODUCTS = {"secantus": "SecantusDB", "ferretdb": "FerretDB", "documentdb": "DocumentDB"}

Topology = Literal["standalone", "replica set", "sharded cluster", "in process"]


@dataclass(frozen=True, slots=True)
class ServerCapabilities:
    """One server as it answered.

    `version` is what it calls itself, `product` what it is: "MongoDB", "SecantusDB", or "compatible" for others that
    speak the protocol. `transactions` says whether sessions with transactions work, `partial_indexes` whether its
    planner uses a partial index for what it covers, `change_streams` whether they may be tried. `scans_for_or` says
    that an `$or` makes it read the whole collection, even beside an indexed equality. `explains_one_predicate`: its
    explain knows of an index only where a filter has a single predicate, whatever it then does.
    """

    version: str
    product: str
    topology: Topology
    transactions: bool
    partial_indexes: bool
    change_streams: bool
    scans_for_or: bool = False
    explains_one_predicate: bool = False
    replica_set: str | None = None


async def probe(port: Port) -> ServerCapabilities:
    """Ask the server behind `port`: four commands, none of which writes."""
    hello = await _answer(port, {"hello": 1})
    build = await _answer(port, {"buildInfo": 1})
    if hello is None:
        return ServerCapabilities("", port.driver, "in process", False, False, False)
    build = build or {}
    version = str(build.get("version", ""))
    product = _product(build)
    is_mongodb = product == "MongoDB"
    topology = _topology(hello)
    either = [{"value": "a"}, {"value": "b"}]
    return ServerCapabilities(
        version=version,
        product=product,
        topology=topology,
        transactions=topology != "standalone",
        partial_indexes=is_mongodb,
        change_streams=topology != "standalone" and (is_mongodb or product == "SecantusDB"),
        scans_for_or=await _scans(port, {"$or": either}),
        explains_one_predicate=await _scans(port, {"value": "a"}),
        replica_set=hello.get("setName"),
    )


async def _scans(port: Port, beside: Mapping[str, Any]) -> bool:
    """Whether the planner says that it scans for an equality on `_id` with something beside it: it is asked itself."""
    try:
        plan = await port.explain("store.settings", {"_id": "page_secret", **beside})
    except CommandFailed:
        return False
    return "COLLSCAN" in str(plan.get("queryPlanner", plan))


async def _answer(port: Port, command: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        return await port.command(command)
    except CommandFailed:
        return None


def _product(build: Mapping[str, Any]) -> str:
    """MongoDB says of itself with which modules and compiler it was built; its look-alikes say other things."""
    words = str(build).lower()
    for word, name in _PRODUCTS.items():
        if word in words:
            return name
    is_mongodb = "gitVersion" in build and "openssl" in build and "allocator" in build
    return "MongoDB" if is_mongodb else "compatible"


def _topology(hello: Mapping[str, Any]) -> Topology:
    if hello.get("msg") == "isdbgrid":
        return "sharded cluster"
    return "replica set" if hello.get("setName") else "standalone"
