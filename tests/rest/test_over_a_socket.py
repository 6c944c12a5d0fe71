"""What docs/rest.md promises, held by a server process that is talked to over its socket and by nothing else."""

from __future__ import annotations

import asyncio
import gzip
import json
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pymongo
import pytest
from click.testing import CliRunner
from fhirpy import AsyncFHIRClient, SyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome, ResourceNotFound

from fhirstore import Store, json_text
from fhirstore.cli import main
from fhirstore.definitions import definitions
from fhirstore.embedded import answers
from fhirstore.embedded.servers import Place
from fhirstore.validation import validate
from tests.sample_data import fill
from tests.serving import Served, serving

JSON = {"Content-Type": "application/fhir+json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
STARTED = datetime.now(UTC)


@pytest.fixture(scope="module")
def database(wire_uri: str) -> Iterator[str]:
    name = f"fhirstore_test_{secrets.token_hex(6)}"
    with Store.connect(wire_uri, database=name) as store:
        fill(store, patients=3)
    yield name
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(wire_uri)
    client.drop_database(name)
    client.close()


@pytest.fixture(scope="module")
def served(wire_uri: str, database: str) -> Iterator[Served]:
    with serving(wire_uri, database, "--limit", "1") as running:
        yield running


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{served.url}/") as made:
        yield made


def patient(id: str | None = None, family: str = "Socket", **more: Any) -> dict[str, Any]:
    made = {"resourceType": "Patient", "name": [{"family": family}], **more}
    return made if id is None else {**made, "id": id}


def fresh() -> str:
    return f"s-{secrets.token_hex(6)}"


def put(client: httpx.Client, id: str, **more: Any) -> httpx.Response:
    answer = client.put(f"Patient/{id}", json=patient(id, **more))
    assert answer.status_code in (200, 201), answer.text
    return answer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def connect(served: Served) -> socket.socket:
    """A connection without a client library in between."""
    at = urlsplit(served.url)
    return socket.create_connection((at.hostname or "", at.port or 0), timeout=10)


def head(method: str, *lines: str, path: str = "/fhir/Patient") -> bytes:
    said = (f"{method} {path} HTTP/1.1", "Host: x", "Content-Type: application/json", *lines)
    return ("\r\n".join(said) + "\r\n\r\n").encode()


def check_valid(content: bytes) -> None:
    """That what the server says is as valid as what it takes: codes of severity, type and method among it."""
    found = validate(json_text.parse(content), definitions("4.0"))
    assert [issue for issue in found if issue.severity == "error"] == []


def check_outcome(answer: httpx.Response) -> list[dict[str, Any]]:
    """That the content is an OperationOutcome which says something; its issues."""
    assert answer.headers["content-type"] == "application/fhir+json; charset=utf-8"
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"]
    for issue in outcome["issue"]:
        assert set(issue) - {"expression"} == {"severity", "code", "diagnostics"}
        assert issue["diagnostics"].strip()
    check_valid(answer.content)
    found: list[dict[str, Any]] = outcome["issue"]
    return found


def entries(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json().get("entry", [])
    return found


def link(bundle: dict[str, Any], relation: str) -> str | None:
    return next((e["url"] for e in bundle["link"] if e["relation"] == relation), None)


# the interactions -------------------------------------------------------------------------------


def test_a_create_is_answered_with_the_place_of_what_was_made(
    client: httpx.Client, served: Served
) -> None:
    sent = patient(id="not-used", birthDate="1980-02-29")
    answer = client.post("Patient", json=sent)
    assert answer.status_code == 201
    made = answer.json()
    assert made["id"] != "not-used"
    assert {**made, "id": "not-used", "meta": None} == {**sent, "meta": None}
    assert answer.headers["location"] == f"{served.url}/Patient/{made['id']}/_history/1"
    assert answer.headers["etag"] == 'W/"1"'
    modified = datetime.strptime(answer.headers["last-modified"], "%a, %d %b %Y %H:%M:%S GMT")
    assert made["meta"]["lastUpdated"].startswith(modified.isoformat())
    assert client.get(answer.headers["location"]).json() == made


IGNORED = [
    {"id": "urn:uuid:1234 bad"},
    {"id": 5},
    {"id": None, "_id": {"id": 5}},
    {"id": ["a"], "meta": {"versionId": "bad id", "tag": [{"code": "a"}]}},
    {"meta": {"versionId": "99", "lastUpdated": "yesterday"}},
    {"meta": {"versionId": 5, "_lastUpdated": {"extension": [{}]}}},
    {"meta": {"lastUpdated": None, "tag": [{"code": "a"}]}},
]


@pytest.mark.parametrize("sent", IGNORED, ids=str)
def test_what_the_server_sets_is_ignored_in_content(
    client: httpx.Client, sent: dict[str, Any]
) -> None:
    number = '"multipleBirthInteger":2,"extension":[{"url":"urn:x","valueDecimal":1.50}]'
    content = json.dumps({**patient(), **sent})[:-1] + f",{number}}}"
    created = client.post("Patient", content=content, headers=JSON)
    assert created.status_code == 201, created.text
    id = created.json()["id"]
    meta = {**sent, "id": id}
    meta.pop("_id", None)
    changed = json.dumps({**patient(family="Changed"), **meta})[:-1] + f",{number}}}"
    updated = client.put(f"Patient/{id}", content=changed, headers=JSON)
    assert updated.status_code == 200, updated.text
    for version, answer in enumerate((created, updated), 1):
        made = answer.json()
        check_valid(answer.content)
        assert made["meta"]["versionId"] == str(version)
        assert made["meta"].get("tag") == sent.get("meta", {}).get("tag")
        assert '"valueDecimal":1.50' in answer.text


def test_what_else_is_wrong_is_not_ignored(client: httpx.Client) -> None:
    sent = {**patient(id="a b", gender="x"), "contained": [patient(id="c d")]}
    wrong = check_outcome(client.post("Patient", json=sent))
    assert {issue["expression"][0] for issue in wrong} == {"Patient.gender", "Patient.contained[0].id"}  # fmt: skip
    assert client.put("Patient/a%20b", json=patient(id="a b")).status_code in (400, 422)


def test_a_read_is_what_was_written(client: httpx.Client, served: Served) -> None:
    id = fresh()
    written = put(client, id)
    read = client.get(f"Patient/{id}")
    assert read.status_code == 200
    assert read.content == written.content
    for name in ("etag", "last-modified"):
        assert read.headers[name] == written.headers[name]
    assert read.headers["content-location"] == f"{served.url}/Patient/{id}/_history/1"
    assert written.headers["location"] == f"{served.url}/Patient/{id}/_history/1"


def test_each_version_stays_readable(client: httpx.Client) -> None:
    id = fresh()
    answers = [put(client, id, family=name) for name in ("First", "Second", "Third")]
    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert "location" not in answers[1].headers
    for version, answer in enumerate(answers, 1):
        again = client.get(f"Patient/{id}/_history/{version}")
        assert again.content == answer.content
        assert again.headers["etag"] == f'W/"{version}"'
    assert client.get(f"Patient/{id}").content == answers[-1].content


def test_an_update_that_changes_nothing_makes_no_version(client: httpx.Client) -> None:
    id = fresh()
    first = put(client, id)
    again = put(client, id)
    assert again.status_code == 200
    assert again.content == first.content
    assert put(client, id, family="Other").headers["etag"] == 'W/"2"'


def test_what_is_deleted_is_gone_and_can_come_back(client: httpx.Client) -> None:
    id = fresh()
    put(client, id)
    deleted = client.delete(f"Patient/{id}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert deleted.headers["etag"] == 'W/"2"'
    for path in (f"Patient/{id}", f"Patient/{id}/_history/2"):
        gone = client.get(path)
        assert gone.status_code == 410
        assert check_outcome(gone)[0]["code"] == "deleted"
    assert client.get(f"Patient/{id}/_history/1").status_code == 200
    assert client.delete(f"Patient/{id}").status_code == 204
    assert client.delete(f"Patient/{fresh()}").status_code == 204
    back = put(client, id, family="Lazarus")
    assert (back.status_code, back.headers["etag"]) == (201, 'W/"3"')
    assert back.headers["location"].endswith(f"/Patient/{id}/_history/3")
    assert client.get(f"Patient/{id}").status_code == 200


def test_a_history_says_what_was_done(client: httpx.Client, served: Served) -> None:
    id = client.post("Patient", json=patient()).json()["id"]
    put(client, id, family="Changed")
    client.delete(f"Patient/{id}")
    answer = client.get(f"Patient/{id}/_history")
    bundle = answer.json()
    assert (bundle["type"], link(bundle, "self")) == (
        "history",
        f"{served.url}/Patient/{id}/_history",
    )
    said = [
        (e["request"]["method"], e["request"]["url"], e["response"]["status"], "resource" in e)
        for e in entries(answer)
    ]
    assert said == [
        ("DELETE", f"Patient/{id}", "204", False),
        ("PUT", f"Patient/{id}", "200", True),
        ("POST", "Patient", "201", True),
    ]
    assert {e["fullUrl"] for e in bundle["entry"]} == {f"{served.url}/Patient/{id}"}
    assert [e["response"]["etag"] for e in bundle["entry"]] == ['W/"3"', 'W/"2"', 'W/"1"']
    instants = [e["response"]["lastModified"] for e in bundle["entry"]]
    assert instants == sorted(instants, reverse=True)


@pytest.mark.parametrize(
    ("parameters", "versions"),
    [
        ("", [3, 2, 1]),
        ("_since={second}", [3, 2]),
        ("_since=2999-01-01", []),
        ("_at={second}", [2]),
        ("_count=1", [3]),
        ("_count=2&_since={second}", [3, 2]),
    ],
)
def test_a_history_is_narrowed(client: httpx.Client, parameters: str, versions: list[int]) -> None:
    id = fresh()
    made = []
    for name in ("First", "Second", "Third"):
        made.append(put(client, id, family=name).json()["meta"]["lastUpdated"])
        time.sleep(0.003)
    asked = parameters.format(second=made[1])
    found = entries(client.get(f"Patient/{id}/_history?{asked}"))
    assert [int(e["resource"]["meta"]["versionId"]) for e in found] == versions


@pytest.mark.parametrize(
    ("path", "total"),
    [
        ("Patient/{}/_history?", 2),
        ("Patient/{}/_history?_since=2000&", None),
        ("Patient/_history?", None),
        ("_history?", None),
    ],
)
def test_a_history_without_entries(
    client: httpx.Client, served: Served, path: str, total: int | None
) -> None:
    id = fresh()
    put(client, id)
    put(client, id, family="Second")
    path = path.format(id)
    bundle = client.get(f"{path}_count=0").json()
    assert "entry" not in bundle
    assert bundle.get("total") == total
    assert link(bundle, "self") == f"{served.url}/{path}_count=0"
    assert link(bundle, "next") is None


@pytest.mark.parametrize(("path", "count"), [("Organization/_history", 4), ("_history", 40)])
def test_the_history_of_many_is_paged_to_its_end(
    client: httpx.Client, path: str, count: int
) -> None:
    whole = entries(client.get(f"{path}?_count=1000"))
    paged = [e for page in pages(client, f"{path}?_count={count}") for e in page.get("entry", [])]
    key = [(e["fullUrl"], e["response"]["etag"]) for e in paged]
    assert len(key) > count
    assert len(key) == len(set(key))
    assert set(key) >= {(e["fullUrl"], e["response"]["etag"]) for e in whole}


def test_two_clients_talk_at_once(served: Served) -> None:
    async def talk() -> list[int]:
        async with httpx.AsyncClient(base_url=f"{served.url}/") as client:
            made = [client.post("Patient", json=patient(family=f"P{n}")) for n in range(40)]
            return [answer.status_code for answer in await asyncio.gather(*made)]

    assert asyncio.run(talk()) == [201] * 40


# a client library -------------------------------------------------------------------------------


def test_fhirpy_does_its_work(served: Served) -> None:
    client = SyncFHIRClient(served.url)
    made = client.resource("Patient", name=[{"family": "Fhirpy", "given": ["Sync"]}])
    made.save()
    assert made.id
    assert made["meta"]["versionId"] == "1"
    assert client.reference("Patient", made.id).to_resource().serialize() == made.serialize()
    made["birthDate"] = "2001-01-31"
    made.save()
    assert made["meta"]["versionId"] == "2"
    made.refresh()
    found = client.resources("Patient").search(family="fhirpy", given="sync")
    assert [entry.id for entry in found.fetch()] == [made.id]
    assert found.first().id == made.id
    # It counts with a parameter of its own (`_totalMethod`), which strict handling refuses.
    lenient = SyncFHIRClient(served.url, extra_headers={"Prefer": "handling=lenient"})
    assert lenient.resources("Patient").search(family="fhirpy", given="sync").count() == 1
    assert client.resources("Patient").search(family="nobody").first() is None
    assert client.resources("Patient").search(birthdate__lt="2001-02-01", _id=made.id).get().id
    history = client.execute(f"Patient/{made.id}/_history", method="get")
    assert [entry["request"]["method"] for entry in history["entry"]] == ["PUT", "POST"]
    made.delete()
    with pytest.raises(ResourceNotFound):
        client.get("Patient", made.id)
    with pytest.raises(OperationOutcome) as raised:
        client.resource("Patient", gender="none").save()
    assert raised.value.resource["issue"][0]["expression"] == ["Patient.gender"]


def test_fhirpy_follows_the_pages(served: Served) -> None:
    client = SyncFHIRClient(served.url)
    found = client.resources("Observation").limit(7)
    ids = [entry.id for entry in found]
    assert len(ids) > 50
    assert sorted(ids) == sorted(entry.id for entry in client.resources("Observation").limit(1000))


def test_fhirpy_does_its_work_in_a_loop(served: Served) -> None:
    async def work() -> None:
        client = AsyncFHIRClient(served.url)
        made = client.resource("Patient", name=[{"family": "Fhirpy", "given": ["Async"]}])
        await made.save()
        found = client.resources("Patient").search(given="async")
        assert [entry.id for entry in await found.fetch()] == [made.id]
        assert (await found.first()).id == made.id
        made["active"] = True
        await made.save()
        fetched = await client.reference("Patient", made.id).to_resource()
        assert fetched["meta"]["versionId"] == "2"
        assert fetched["active"] is True
        ids = [entry.id async for entry in client.resources("Observation").limit(20)]
        assert len(ids) == len(set(ids)) > 50
        await made.delete()
        with pytest.raises(ResourceNotFound):
            await client.get("Patient", made.id)

    asyncio.run(work())


# errors -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A request, and the status and issue code that it is answered with; the code is "" for one that goes well."""

    method: str
    path: str
    status: int
    code: str = ""
    content: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        said = (self.content or b"")[:24].decode("latin-1")
        return f"{self.method} {self.path[:40]} {said} {dict(self.headers) or ''}"


GOOD = b'{"resourceType":"Patient","id":"known"}'
JSON_TYPE = (("Content-Type", "application/fhir+json"),)
FORM_TYPE = (("Content-Type", "application/x-www-form-urlencoded"),)


def posted(content: bytes, status: int, code: str, *headers: tuple[str, str]) -> Asked:
    return Asked("POST", "Patient", status, code, content, headers or JSON_TYPE)


ANSWERS = [
    # What goes well, so that the rest is refused for its own reason.
    Asked("GET", "Patient/known", 200),
    Asked("GET", "Patient?family=known", 200),
    Asked("PUT", "Patient/known", 200, "", GOOD, JSON_TYPE),
    posted(GOOD, 201, ""),
    Asked("POST", "Patient/_search", 200, "", b"family=known", FORM_TYPE),
    Asked("GET", "Patient/known?_elements=name", 200),
    Asked("GET", "Patient/known?_summary=true", 200),
    Asked("GET", "Patient/known?_elements=nothing", 400, "value"),
    Asked("GET", "Patient/known?_elements=Patient.name", 200),
    Asked("GET", "Patient/known?_elements=name,Observation.status", 400, "value"),
    Asked("GET", "Patient/known?_elements=name&_summary=true", 400, "value"),
    Asked("GET", "Patient/known?_elements=name&_summary=false", 200),
    Asked("GET", "Patient/known?_summary=some", 400, "value"),
    Asked("GET", "Patient/known?_summary=count", 501, "not-supported"),
    Asked("GET", "Patient?organization.name=x", 200),
    Asked("GET", "Patient?_include=Patient:organization", 200),
    Asked("GET", "Patient?_has:Observation:patient:code=1", 200),
    Asked("GET", "", 200),
    Asked("GET", "?_type=Patient", 200),
    Asked("POST", "_search", 200, "", b"_id=1", FORM_TYPE),
    Asked("GET", "Patient/known/Observation", 200),
    Asked("GET", "Patient/known/*", 200),
    Asked("POST", "Patient/known/Observation/_search", 200, "", b"status=final", FORM_TYPE),
    # Addresses.
    Asked("GET", "Pattient/1", 404, "not-supported"),
    Asked("GET", "patient/1", 404, "not-supported"),
    Asked("GET", "Patient/nobody", 404, "not-found"),
    Asked("GET", "Patient/known/_history/99999", 404, "not-found"),
    Asked("GET", "Patient/known/_history/first", 404, "not-found"),
    Asked("GET", "Patient/known/_history/1", 200),
    Asked("GET", "Patient/known/_history/01", 404, "not-found"),
    Asked("GET", "Patient/known/_history/+1", 404, "not-found"),
    Asked("GET", "Patient/known/_history/0", 404, "not-found"),
    Asked("GET", "Patient/nobody/_history", 404, "not-found"),
    Asked("GET", "Patient/known/nothing", 404, "not-found"),
    Asked("GET", "metadata/more", 404, "not-supported"),
    Asked("GET", "Patient/a_b", 400, "value"),
    Asked("GET", "Patient/" + "a" * 65, 400, "value"),
    Asked("GET", "Patient/%zz", 400, "value"),
    Asked("GET", "Patient?name=" + "a" * 17_000, 414, "too-long"),
    Asked("GET", "Patient/" + "a" * 17_000, 414, "too-long"),
    Asked("GET", "../elsewhere", 404, "not-found"),
    # Content.
    posted(b"", 400, "structure"),
    posted(b"{", 400, "structure"),
    posted(b"\xef\xbb\xbf" + GOOD, 201, ""),
    posted(b"[]", 400, "structure"),
    posted(b'"Patient"', 400, "structure"),
    posted(b"{}", 400, "value"),
    posted(b'{"resourceType":"Patient"} trailing', 400, "structure"),
    posted(b'{"resourceType":"Patient","gender":}', 400, "structure"),
    posted(b'{"resourceType":"Patient","gender":"\xff"}', 400, "structure"),
    posted(b"<Patient/>", 400, "structure"),
    posted(b'{"a":' * 5000 + b"1" + b"}" * 5000, 400, "structure"),
    posted(b'{"resourceType":"Observation"}', 400, "value"),
    posted(b'{"resourceType":"Patient","gender":"none"}', 422, "code-invalid"),
    posted(b'{"resourceType":"Patient","birthDate":"1974-02-30"}', 422, "value"),
    posted(b'{"resourceType":"Patient","nme":[]}', 422, "structure"),
    Asked("PUT", "Patient/other", 400, "value", GOOD, JSON_TYPE),
    Asked("PUT", "Patient/known", 400, "value", b'{"resourceType":"Patient"}', JSON_TYPE),
    Asked("PUT", "Observation/known", 400, "value", GOOD, JSON_TYPE),
    posted(GOOD, 415, "not-supported", ("Content-Type", "application/fhir+xml")),
    posted(GOOD, 415, "not-supported", ("Content-Type", "application/x-turtle")),
    posted(GOOD, 415, "not-supported", ("Content-Type", "application/fhir+json;charset=latin1")),
    posted(GOOD, 415, "not-supported", ("Content-Encoding", "br")),
    posted(GOOD, 400, "structure", ("Content-Encoding", "gzip")),
    # Searches.
    Asked("GET", "Patient?nmae=x", 400, "not-supported"),
    Asked("GET", "Patient?birthdate=yesterday", 400, "value"),
    Asked("GET", "Patient?name:exactly=x", 400, "not-supported"),
    Asked("GET", "Patient?_count=many", 400, "value"),
    Asked("GET", "Patient?_sort=nothing", 400, "value"),
    Asked("GET", "Patient?_page=forged", 400, "value"),
    Asked("GET", "Patient?organization.nothing=x", 400, "not-supported"),
    Asked("GET", "Patient?_include=Patient:nothing", 400, "invalid"),
    Asked("GET", "Patient?_has:Observation:code:code=1", 400, "not-supported"),
    Asked("GET", "Patient/known/Library", 404, "not-supported"),
    Asked("GET", "Organization/known/Patient", 404, "not-supported"),
    Asked("GET", "Patient?_summary=some", 400, "value"),
    Asked("GET", "Patient?_pretty=perhaps", 400, "invalid"),
    Asked("GET", "Patient?name=%e9", 400, "value"),
    Asked("POST", "Patient/_search", 415, "not-supported", b"{}", JSON_TYPE),
    Asked("POST", "Patient/_search", 400, "not-supported", b"nmae=x", FORM_TYPE),
    # Other parameters.
    Asked("GET", "Patient/known?nothing=1", 400, "not-supported"),
    Asked("GET", "Patient/known?_summary=false", 200),
    Asked("GET", "Patient/known?nothing=&_elements=&_summary=&_pretty=&_pretty=", 200),
    Asked("GET", "Patient/_history?nothing=&_list=&_count=&_count=1", 200),
    Asked("GET", "metadata?nothing=&mode=", 200),
    Asked("PUT", "Patient/known?nothing=", 200, "", GOOD, JSON_TYPE),
    Asked("POST", "Patient?nothing=", 201, "", GOOD, JSON_TYPE),
    Asked("GET", "Patient/_history?_since=never", 400, "value"),
    Asked("GET", "Patient/_history?_at=never", 400, "value"),
    Asked("GET", "Patient/_history?_at=ge2020", 501, "not-supported"),
    Asked("GET", "Patient/_history?_since=gt2020-01-01", 501, "not-supported"),
    Asked("GET", "Patient/_history?_count=-1", 400, "invalid"),
    Asked("GET", "Patient/_history?_list=1", 501, "not-supported"),
    Asked("GET", "metadata?mode=all", 400, "value"),
    # What FHIR has and this server has not.
    Asked("POST", "", 400, "not-supported", b'{"resourceType":"Bundle","type":"batch"}', JSON_TYPE),
    Asked("PUT", "Patient?identifier=1", 400, "not-supported", GOOD, JSON_TYPE),
    Asked("DELETE", "Patient?identifier=1", 400, "not-supported"),
    Asked("PATCH", "Patient?identifier=1", 501, "not-supported", b"[]", JSON_TYPE),
    Asked("PATCH", "Patient/known", 501, "not-supported", b"[]", JSON_TYPE),
    Asked("GET", "Patient/known/$everything", 501, "not-supported"),
    Asked("POST", "Patient/$validate", 501, "not-supported", GOOD, JSON_TYPE),
    Asked("GET", "$versions", 501, "not-supported"),
]


@pytest.mark.parametrize("asked", ANSWERS, ids=str)
def test_a_request_is_answered(client: httpx.Client, asked: Asked) -> None:
    client.put("Patient/known", content=GOOD, headers=JSON)
    answer = client.request(
        asked.method, asked.path, content=asked.content, headers=list(asked.headers)
    )
    assert answer.status_code == asked.status, answer.text
    if asked.code:
        assert asked.code in [issue["code"] for issue in check_outcome(answer)]


BINARY = b'{"resourceType":"Binary","id":"known","contentType":"application/pdf","data":"JVBERg=="}'
PDF = (("Content-Type", "application/pdf"),)
SECURED = (*JSON_TYPE, ("X-Security-Context", "Patient/known"))
NATIVE = [
    Asked("GET", "Binary/known", 406, headers=(("Accept", "application/pdf"),)),
    Asked("GET", "Binary/known/_history/1", 406, headers=(("Accept", "image/png"),)),
    Asked("GET", "Binary/known?_format=application/pdf", 406),
    Asked("POST", "Binary", 415, content=b"%PDF", headers=PDF),
    Asked("PUT", "Binary/known", 415, content=b"%PDF", headers=PDF),
    Asked("POST", "Binary", 501, content=BINARY, headers=SECURED),
    Asked("PUT", "Binary/known", 501, content=BINARY, headers=SECURED),
]


@pytest.mark.parametrize("asked", NATIVE, ids=str)
def test_native_binary_content_is_refused_by_name(client: httpx.Client, asked: Asked) -> None:
    assert client.put("Binary/known", content=BINARY, headers=JSON).status_code in (200, 201)
    answer = client.request(
        asked.method, asked.path, content=asked.content, headers=list(asked.headers)
    )
    assert answer.status_code == asked.status
    said = check_outcome(answer)[0]["diagnostics"]
    assert "not supported yet" in said
    assert ("native binary content" if asked.status != 501 else "X-Security-Context") in said
    for accept in ("application/fhir+json", "*/*"):
        read = client.get("Binary/known", headers={"Accept": accept})
        assert read.headers["content-type"].startswith("application/fhir+json")
        assert read.headers["etag"] == 'W/"1"'


def test_all_that_is_wrong_is_said_at_once(client: httpx.Client) -> None:
    sent = {"resourceType": "Patient", "gender": "x", "birthDate": "1", "nme": 1}
    wrong = check_outcome(client.post("Patient", json=sent))
    assert {e for issue in wrong for e in issue["expression"]} == {
        "Patient.gender",
        "Patient.birthDate",
        "Patient.nme",
    }
    asked = check_outcome(client.get("Patient?nmae=x&birthdate=soon&_count=all"))
    assert [issue["expression"] for issue in asked] == [
        ["http.nmae"],
        ["http._count"],
        ["http.birthdate"],
    ]


@pytest.mark.parametrize(
    ("path", "headers", "place"),
    [
        ("Patient?nmae=x", {}, "http.nmae"),
        ("Patient?name:exactly=x", {}, 'http."name:exactly"'),
        ("Patient?a\\%22=x", {}, 'http."a\\\\\\""'),
        ("Patient?Patient.name=x", {}, 'http."Patient.name"'),
        ("Patient?_containedType=contained", {}, "http._containedType"),
        ("Patient/known?_elements=nothing", {}, "http._elements"),
        (f"Patient/known?{'a' * 300}=x", {}, f"http.{'a' * 200}"),
        ("Patient?_format=xml", {}, "http._format"),
        ("Patient", {"Accept": "application/xml"}, "http.Accept"),
        ("Patient/known", {"If-Match": 'W/"999"'}, "http.If-Match"),
        ("Patient?=x", {}, None),
        ("Patient/known?=x", {}, None),
        ("Patient?%20=x", {}, None),
        ("Patient?%00=x", {}, None),
        ("Patient?name:%00=x", {}, None),
        ("Patient/%00", {}, None),
        ("Patient/_history?_at=%00", {}, "http._at"),
    ],
)
def test_an_issue_says_where_in_the_request_it_is(
    client: httpx.Client, path: str, headers: dict[str, str], place: str | None
) -> None:
    client.put("Patient/known", content=GOOD, headers=JSON)
    (issue,) = check_outcome(client.get(path, headers=headers))
    assert issue.get("expression") == (None if place is None else [place])
    assert "\0" not in issue["diagnostics"]
    assert client.get(path, headers={"Accept": "text/turtle", **headers}).status_code < 500


# methods ----------------------------------------------------------------------------------------

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE")
ALLOWED = [
    ("metadata", {"GET"}),
    ("Patient", {"GET", "POST"}),
    ("Patient/_search", {"POST"}),
    ("Patient/m1", {"GET", "PUT", "DELETE"}),
    ("Patient/m1/_history", {"GET"}),
    ("Patient/m1/_history/1", {"GET"}),
    ("Patient/_history", {"GET"}),
    ("_history", {"GET"}),
]


@pytest.mark.parametrize(("path", "methods"), ALLOWED, ids=[path for path, _ in ALLOWED])
def test_the_methods_of_an_address(client: httpx.Client, path: str, methods: set[str]) -> None:
    said = client.options(path)
    assert (said.status_code, said.content) == (204, b"")
    allowed = set(said.headers["allow"].split(", "))
    assert allowed - {"HEAD", "OPTIONS"} == methods
    assert ("HEAD" in allowed) == ("GET" in allowed)
    for method in METHODS:
        answer = client.request(method, path)
        if method in allowed:
            assert answer.status_code not in (405, 501), f"{method} is said to be allowed"
            continue
        assert answer.status_code in (405, 501)
        if method != "HEAD":
            check_outcome(answer)
        if answer.status_code == 405:
            assert answer.headers["allow"] == said.headers["allow"]


@pytest.mark.parametrize(
    "path",
    ["Patient/h1", "Patient/h1/_history/1", "Patient?_id=h1", "Patient/h1/_history", "metadata"],
)
def test_head_is_get_without_content(client: httpx.Client, path: str) -> None:
    put(client, "h1")
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert get.content
    left_out = ("date", "x-request-id")
    assert [h for h in head.headers.items() if h[0] not in left_out] == [
        h for h in get.headers.items() if h[0] not in left_out
    ]


# conditions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("X-Nothing", "", 200),
        ("If-None-Match", 'W/"2"', 304),
        ("If-None-Match", '"2"', 304),
        ("If-None-Match", "2", 304),
        ("If-None-Match", 'W/"1", W/"2"', 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", 'W/"1"', 200),
        ("If-None-Match", 'W/"22"', 200),
        ("If-Modified-Since", "Fri, 31 Dec 2999 23:59:59 GMT", 304),
        ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT", 200),
        ("If-Modified-Since", "yesterday", 200),
        ("If-Modified-Since", "Sun, 06 Nov 99999999999999999999 08:49:37 GMT", 200),
        ("If-Match", 'W/"2"', 200),
        ("If-Match", '"1", "2"', 200),
        ("If-Match", "*", 200),
        ("If-Match", 'W/"1"', 412),
        ("If-Match", 'W/"02"', 412),
        ("If-Unmodified-Since", "Fri, 31 Dec 2999 23:59:59 GMT", 200),
        ("If-Unmodified-Since", "yesterday", 200),
        ("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT", 412),
    ],
)
def test_a_conditional_read(client: httpx.Client, name: str, value: str, status: int) -> None:
    id = fresh()
    put(client, id)
    put(client, id, family="Second")
    for path in (f"Patient/{id}", f"Patient/{id}/_history/2"):
        answer = client.get(path, headers={name: value})
        assert answer.status_code == status
        if status == 412:
            assert name in check_outcome(answer)[0]["diagnostics"]
            continue
        assert answer.headers["etag"] == 'W/"2"'
        assert bool(answer.content) == (status == 200)


def test_the_date_of_a_version_is_a_condition_that_it_meets(client: httpx.Client) -> None:
    id = fresh()
    date = put(client, id).headers["last-modified"]
    assert client.get(f"Patient/{id}", headers={"If-Modified-Since": date}).status_code == 304


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        ('W/"2"', 0),
        ('"2"', 0),
        ('W/"1"', 412),
        ('W/"3"', 412),
        ('W/"x"', 412),
        ('W/"99999999999"', 412),
        ('W/"02"', 412),
        ("*", 501),
        ("2", 400),
        ('W/"1", W/"2"', 400),
        ("", 400),
    ],
)
def test_if_match_guards_a_write(
    client: httpx.Client, method: str, if_match: str, status: int
) -> None:
    id = fresh()
    put(client, id)
    put(client, id, family="Second")
    content = json.dumps(patient(id, family="Third")) if method == "PUT" else None
    headers = {"If-Match": if_match, **(JSON if method == "PUT" else {})}
    answer = client.request(method, f"Patient/{id}", content=content, headers=headers)
    assert answer.status_code == (status or {"PUT": 200, "DELETE": 204}[method])
    if status:
        check_outcome(answer)
    version = len(entries(client.get(f"Patient/{id}/_history")))
    assert version == (2 if status else 3)


SINCE = ("If-Unmodified-Since", "Fri, 31 Dec 2999 23:59:59 GMT")
NOT_HEEDED = [
    ("POST", "Patient", "If-Match", 'W/"1"'),
    ("POST", "Patient", "If-None-Match", "*"),
    ("POST", "Patient", *SINCE),
    ("POST", "Patient", "If-None-Exist", "identifier=1"),
    ("PUT", "Patient/{}", "If-None-Match", "*"),
    ("PUT", "Patient/{}", *SINCE),
    ("PUT", "Patient/{}", "If-None-Exist", "identifier=1"),
    ("DELETE", "Patient/{}", "If-None-Match", "*"),
    ("DELETE", "Patient/{}", *SINCE),
    ("DELETE", "Patient/{}", "If-None-Exist", "identifier=1"),
    ("POST", "Patient/_search", "If-Match", "*"),
    ("GET", "Patient", "If-Match", "*"),
    ("GET", "Patient/{}/_history", *SINCE),
    ("GET", "metadata", "If-Match", "*"),
]


@pytest.mark.parametrize(("method", "path", "name", "value"), NOT_HEEDED)
def test_a_condition_that_is_not_heeded_is_refused(
    client: httpx.Client, method: str, path: str, name: str, value: str
) -> None:
    id = fresh()
    put(client, id)
    content = json.dumps(patient(id, family="Other")) if method != "GET" else None
    answer = client.request(method, path.format(id), content=content, headers={**JSON, name: value})
    # A conditional create is refused as the page says, "with an HTTP 400 error".
    assert answer.status_code == (400 if name == "If-None-Exist" else 501)
    assert name in check_outcome(answer)[0]["diagnostics"]
    assert client.get(f"Patient/{id}").headers["etag"] == 'W/"1"'


def test_if_match_never_creates(client: httpx.Client) -> None:
    id = fresh()
    answer = client.put(f"Patient/{id}", json=patient(id), headers={"If-Match": 'W/"1"'})
    assert answer.status_code == 412
    assert client.get(f"Patient/{id}").status_code == 404


# what comes back --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefer", "kind"),
    [
        (None, "Patient"),
        ("return=representation", "Patient"),
        ("return=minimal", None),
        ("return=OperationOutcome", "OperationOutcome"),
        ("RETURN=operationoutcome", "OperationOutcome"),
        ("handling=strict; return=minimal", None),
        ("respond-async, return=minimal", None),
        ("return=everything", "Patient"),
    ],
)
def test_a_client_says_how_much_it_wants_back(
    client: httpx.Client, prefer: str | None, kind: str | None
) -> None:
    headers = {} if prefer is None else {"Prefer": prefer}
    created = client.post("Patient", json=patient(), headers=headers)
    assert created.status_code == 201
    id = created.headers["location"].split("/")[-3]
    updated = client.put(f"Patient/{id}", json=patient(id, family="B"), headers=headers)
    assert updated.status_code == 200
    for version, answer in enumerate((created, updated), 1):
        assert answer.headers["etag"] == f'W/"{version}"'
        assert "last-modified" in answer.headers
        if kind is None:
            assert answer.content == b""
        else:
            assert answer.json()["resourceType"] == kind
        if kind == "OperationOutcome":
            assert check_outcome(answer)[0]["severity"] == "information"
    applied = created.headers.get("preference-applied")
    assert (applied is None) == (prefer in (None, "return=everything"))
    deleted = client.delete(f"Patient/{id}", headers=headers)
    if kind == "OperationOutcome":
        assert deleted.status_code == 200
        check_outcome(deleted)
    else:
        assert (deleted.status_code, deleted.content) == (204, b"")


@pytest.mark.parametrize(
    ("parameters", "accept", "type"),
    [
        ("", None, "application/fhir+json"),
        ("", "*/*", "application/fhir+json"),
        ("", "application/json", "application/json"),
        ("", "text/html, application/xml;q=0.9, */*;q=0.8", "application/fhir+json"),
        ("", "application/fhir+xml, application/fhir+json;q=0.1", "application/fhir+json"),
        ("_format=json", "application/fhir+xml", "application/fhir+json"),
        ("_format=application/fhir+json", None, "application/fhir+json"),
        ("_format=application/fhir%2Bjson", None, "application/fhir+json"),
        ("_format=application/json", None, "application/fhir+json"),
        ("_format=text/json", None, "application/fhir+json"),
        ("", "application/fhir+xml", None),
        ("", "text/turtle", "text/turtle"),
        ("", "application/fhir+json;q=0", None),
        ("", "application/fhir+json; fhirVersion=5.0", None),
        ("_format=xml", None, None),
        ("_format=ttl", "application/fhir+json", "application/fhir+turtle"),
    ],
)
def test_the_format_is_negotiated(
    client: httpx.Client, parameters: str, accept: str | None, type: str | None
) -> None:
    put(client, "f1")
    headers = {} if accept is None else {"Accept": accept}
    for path in ("Patient/f1", "Patient", "metadata", "Patient/f1/_history"):
        answer = client.get(f"{path}?{parameters}", headers=headers)
        if type is None:
            assert answer.status_code == 406
            assert check_outcome(answer)[0]["code"] == "not-supported"
        else:
            assert answer.status_code == 200
            assert answer.headers["content-type"] == f"{type}; charset=utf-8"


@pytest.mark.parametrize("path", ["Patient/p1", "Patient?_id=p1", "metadata", "Patient/nobody"])
def test_pretty_is_the_same_indented(client: httpx.Client, path: str) -> None:
    put(client, "p1", extension=[{"url": "urn:x", "valueDecimal": 1.5}])
    joint = "&" if "?" in path else "?"
    plain = client.get(f"{path}{joint}_pretty=false")
    pretty = client.get(f"{path}{joint}_pretty=true")
    assert pretty.status_code == plain.status_code
    assert b"\n" not in plain.content
    assert pretty.text.count("\n") > 3
    assert pretty.text.startswith('{\n  "resourceType"')
    left_out = {"link"}  # says how it was asked for
    assert {k: v for k, v in pretty.json().items() if k not in left_out} == {
        k: v for k, v in plain.json().items() if k not in left_out
    }


DECIMALS = ["1.0", "100", "0.10", "1.23456789012345678901234567890", "12345678901234567890.1", "1e2", "-0.0"]  # fmt: skip


@pytest.mark.parametrize("decimal", DECIMALS)
def test_a_number_comes_back_as_it_was_sent(client: httpx.Client, decimal: str) -> None:
    sent = (
        '{"resourceType":"Observation","status":"final","code":{"text":"\\u00e9 \u00e9"},'
        f'"valueQuantity":{{"value":{decimal},"unit":"g"}}}}'
    )
    written = client.post("Observation", content=sent.encode(), headers=JSON)
    assert written.status_code == 201, written.text
    id = written.json()["id"]
    texts = [
        written.text,
        *(client.get(f"Observation{path}").text for path in (f"/{id}", f"?_id={id}", f"/{id}/_history")),
    ]  # fmt: skip
    for text in texts:
        assert f'"valueQuantity":{{"value":{decimal},"unit":"g"}}' in text
    pretty = client.get(f"Observation/{id}?_pretty=true").text
    assert f'"value": {decimal},' in pretty


# size and compression ---------------------------------------------------------------------------


def padded(size: int) -> bytes:
    """A Patient of exactly so many bytes."""
    bare = json.dumps(patient(family=""), separators=(",", ":")).encode()
    return bare.replace(b'"family":""', b'"family":"%b"' % (b"a" * (size - len(bare))))


MEBIBYTE = 1 << 20


@pytest.mark.parametrize(
    ("content", "packed", "status"),
    [
        (padded(MEBIBYTE), False, 201),
        (padded(MEBIBYTE + 1), False, 413),
        (padded(MEBIBYTE), True, 201),
        (padded(MEBIBYTE + 1), True, 413),
        (padded(40 * MEBIBYTE), True, 413),
    ],
    ids=["fits", "one byte more", "fits inflated", "one byte more inflated", "a bomb"],
)
def test_content_has_a_largest_size(
    client: httpx.Client, content: bytes, packed: bool, status: int
) -> None:
    sent = gzip.compress(content, 1) if packed else content
    headers = {**JSON, "Content-Encoding": "gzip"} if packed else JSON
    answer = client.post("Patient", content=sent, headers={**headers, "Prefer": "return=minimal"})
    assert answer.status_code == status
    if status == 413:
        assert check_outcome(answer)[0]["code"] == "too-long"
    assert client.get("metadata?_summary=true").status_code == 200


@pytest.mark.parametrize(("sizes", "status"), [((40, 60), 201), ((65536,) * 17, 413)])
def test_content_of_unknown_length_has_a_largest_size(
    served: Served, sizes: tuple[int, ...], status: int
) -> None:
    whole = padded(sum(sizes))
    with connect(served) as connection:
        connection.sendall(head("POST", "Transfer-Encoding: chunked"))
        at = 0
        for size in sizes:
            connection.sendall(b"%x\r\n%b\r\n" % (size, whole[at : at + size]))
            at += size
        # What is too large is answered before it has ended.
        if status == 201:
            connection.sendall(b"0\r\n\r\n")
        assert connection.makefile("rb").readline().startswith(b"HTTP/1.1 %d " % status)


def test_an_address_that_is_too_long_may_be_posted(client: httpx.Client) -> None:
    ids = ",".join(["known", *(f"n{number:08}" for number in range(3000))])
    put(client, "known")
    assert client.get(f"Patient?_id={ids}").status_code == 414
    found = entries(client.post("Patient/_search", content=f"_id={ids}", headers=FORM))
    assert [e["resource"]["id"] for e in found] == ["known"]


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("br;q=1, gzip;q=0.1", True),
        ("identity", False),
        ("", False),
        ("gzip;q=0", False),
    ],
)
def test_what_a_client_accepts_is_compressed(
    client: httpx.Client, accepted: str, packed: bool
) -> None:
    # Raw, since httpx would unpack it.
    with client.stream("GET", "metadata", headers={"Accept-Encoding": accepted}) as answer:
        raw = b"".join(answer.iter_raw())
    assert ("content-encoding" in answer.headers) == packed
    assert int(answer.headers["content-length"]) == len(raw)
    assert "Accept-Encoding" in answer.headers["vary"]
    text = gzip.decompress(raw) if packed else raw
    assert json.loads(text)["resourceType"] == "CapabilityStatement"


def test_small_answers_are_not_compressed(client: httpx.Client) -> None:
    put(client, "g1")
    answer = client.get("Patient/g1", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers


# searching --------------------------------------------------------------------------------------


def pages(client: httpx.Client, path: str, most: int = 500) -> Iterator[dict[str, Any]]:
    """The pages of a search or a history, by their links."""
    following: str | None = path
    for _ in range(most):
        assert following is not None
        answer = client.get(following)
        assert answer.status_code == 200, answer.text
        check_valid(answer.content)
        yield answer.json()
        following = link(answer.json(), "next")
        if following is None:
            return
    raise AssertionError("the pages have no end")


@pytest.mark.parametrize("count", [1, 7, 50])
@pytest.mark.parametrize(
    "query",
    [
        "Observation?_id:missing=false",
        "Observation?_sort=-date",
        "Observation?_sort=code,_id",
        "Observation?code=85354-9,8867-4&_sort=_lastUpdated",
        "Observation?_sort=value-quantity",
        "Observation?date=ge2000&_total=accurate",
        "Practitioner?_sort=family,-given",
        "Encounter?status=finished&_pretty=true&_format=json",
    ],
)
def test_the_pages_hold_each_match_once(client: httpx.Client, query: str, count: int) -> None:
    if count == 1 and query.startswith("Observation") and "code=" not in query:
        query += "&code=85354-9"
    whole = client.get(f"{query}&_count=1000").json()
    assert link(whole, "next") is None
    wanted = [e["resource"]["id"] for e in whole["entry"]]
    assert len(wanted) > 2
    found = list(pages(client, f"{query}&_count={count}"))
    ids = [[e["resource"]["id"] for e in page.get("entry", [])] for page in found]
    assert all(len(page) == count for page in ids[:-1])
    assert 0 < len(ids[-1]) <= count
    assert [id for page in ids for id in page] == wanted
    if "_total=accurate" in query:
        assert {page["total"] for page in found} == {len(wanted)}


def test_a_link_to_itself_gives_the_same_page(client: httpx.Client) -> None:
    for page in pages(client, "Observation?code=85354-9&_count=3&_sort=-date"):
        itself = link(page, "self")
        assert itself is not None
        assert client.get(itself).json() == page


def test_pages_survive_what_is_written_between_them(client: httpx.Client) -> None:
    family = f"Page{secrets.token_hex(4)}"
    ids = sorted(f"{family}-{number}" for number in range(9))
    for id in ids:
        put(client, id, family=family)
    found: list[str] = []
    for page in pages(client, f"Patient?family={family}&_sort=_id&_count=2"):
        found += [e["resource"]["id"] for e in page["entry"]]
        client.delete(f"Patient/{found[0]}")
        put(client, f"{family}-0a", family=family)
    assert found[:1] == ids[:1]
    assert [id for id in found if not id.endswith("a")] == ids
    assert len(found) == len(set(found))


def test_a_page_belongs_to_its_search(client: httpx.Client) -> None:
    page = next(pages(client, "Observation?code=85354-9&_count=3"))
    following = link(page, "next")
    assert following is not None
    assert client.get(following).status_code == 200
    other = client.get(following.replace("85354-9", "8867-4"))
    assert other.status_code == 400
    check_outcome(other)


def test_a_searchset(client: httpx.Client, served: Served) -> None:
    family = f"Set{secrets.token_hex(4)}"
    ids = [client.post("Patient", json=patient(family=family)).json()["id"] for _ in range(2)]
    bundle = client.get(f"Patient?family={family.upper()}&_sort=_id").json()
    assert (bundle["resourceType"], bundle["type"], bundle["total"]) == ("Bundle", "searchset", 2)
    assert link(bundle, "self") == f"{served.url}/Patient?family={family.upper()}&_sort=_id"
    assert [e["fullUrl"] for e in bundle["entry"]] == [
        f"{served.url}/Patient/{id}" for id in sorted(ids)
    ]
    assert all(e["search"] == {"mode": "match"} for e in bundle["entry"])
    for e in bundle["entry"]:
        assert e["resource"] == client.get(e["fullUrl"]).json()
    nothing = client.get("Patient?family=nobody").json()
    assert nothing["total"] == 0
    assert "entry" not in nothing


@pytest.mark.parametrize(
    ("types", "total"),
    [
        ("_type=Organization&_type=Practitioner", 0),
        ("_type=Organization,Practitioner&_type=Practitioner", 12),
        ("_type=Practitioner", 12),
    ],
)
def test_the_link_of_a_search_of_types_finds_no_more(
    client: httpx.Client, served: Served, types: str, total: int
) -> None:
    bundle = client.get(f"?{types}").json()
    itself = link(bundle, "self")
    assert itself is not None
    assert itself.startswith(f"{served.url}/?{types}")
    assert client.get(itself).json()["total"] == bundle["total"] == total


@pytest.mark.parametrize("parameters", ["_summary=count", "_count=0"])
def test_only_the_total(client: httpx.Client, parameters: str) -> None:
    bundle = client.get(f"Practitioner?{parameters}").json()
    assert bundle["total"] == len(client.get("Practitioner?_count=1000").json()["entry"]) == 12
    assert "entry" not in bundle
    assert link(bundle, "next") is None


@pytest.mark.parametrize(
    ("address", "form"),
    [
        ("", "identifier=https://example.org/clinics|1"),
        ("identifier=https://example.org/clinics|1", ""),
        ("identifier=1", "_sort=_id&_count=5"),
        ("", "identifier=https%3A%2F%2Fexample.org%2Fclinics%7C1&_pretty=true"),
    ],
)
def test_a_search_by_post_is_one_by_get(client: httpx.Client, address: str, form: str) -> None:
    both = "&".join(filter(None, (address, form)))
    by_get = client.get(f"Organization?{both}")
    by_post = client.post(f"Organization/_search?{address}", content=form, headers=FORM)
    assert len(entries(by_get)) == 1
    assert by_post.json() == by_get.json()


@pytest.mark.parametrize(
    ("address", "helps"),
    [("Patient?name=" + "a" * 17_000, True), ("a" * 17_000 + "?name=x", False)],
)
def test_a_search_that_is_too_long_can_be_posted(
    client: httpx.Client, address: str, helps: bool
) -> None:
    (issue,) = check_outcome(client.get(address))
    assert ("_search" in issue["diagnostics"]) == helps


LENIENT = {"Prefer": "handling=lenient"}


@pytest.mark.parametrize(
    ("query", "left_out", "places"),
    [
        ("identifier=https://example.org/clinics|1", [], []),
        ("identifier=https://example.org/clinics|1&nothing=x", ["nothing"], ["http.nothing"]),
        ("identifier=1&foo:above=x&bar=x", ["foo:above", "bar"], ['http."foo:above"', "http.bar"]),
    ],
)  # fmt: skip
def test_lenient_handling_leaves_out_and_says_so(
    client: httpx.Client, query: str, left_out: list[str], places: list[str]
) -> None:
    strict = client.get(f"Organization?{query}", headers={"Prefer": "handling=strict"})
    assert strict.status_code == (400 if left_out else 200)
    bundle = client.get(f"Organization?{query}", headers=LENIENT).json()
    modes = [e["search"]["mode"] for e in bundle["entry"]]
    assert modes == ["match", "outcome"] if left_out else modes == ["match"]
    assert bundle["total"] == 1
    itself = link(bundle, "self")
    assert itself is not None
    assert not any(name in itself for name in left_out)
    if left_out:
        issues = bundle["entry"][1]["resource"]["issue"]
        assert [issue["expression"] for issue in issues] == [[name] for name in places]
        assert {issue["severity"] for issue in issues} == {"warning"}


@pytest.mark.parametrize(
    "wrong", ["birthdate=soon", "name:above=x", "_query=x", "_filter=foo eq 1", "_count:exact=1"]
)
def test_lenient_handling_does_not_excuse_what_is_refused_always(
    client: httpx.Client, wrong: str
) -> None:
    answer = client.get(f"Patient?{wrong}&nothing=1", headers=LENIENT)
    assert answer.status_code == 400
    check_outcome(answer)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "Patient/{}?name=peter"),
        ("PUT", "Patient/{}?name=peter"),
        ("POST", "Patient?name=peter"),
        ("GET", "Patient/{}?name=peter"),
        ("GET", "Patient/{}/_history/1?name=peter"),
        ("GET", "Patient/{}/_history?name=peter"),
        ("GET", "metadata?name=peter"),
    ],
)
def test_lenient_handling_is_for_searches_alone(
    client: httpx.Client, method: str, path: str
) -> None:
    id = fresh()
    put(client, id)
    content = json.dumps(patient(id, family="Other")) if method in ("PUT", "POST") else None
    answer = client.request(method, path.format(id), content=content, headers={**LENIENT, **JSON})
    assert answer.status_code == 400
    assert "'name'" in check_outcome(answer)[0]["diagnostics"]
    assert client.get(f"Patient/{id}").headers["etag"] == 'W/"1"'


# what the server says of itself -----------------------------------------------------------------


@pytest.fixture(scope="module")
def statement(client: httpx.Client) -> dict[str, Any]:
    answer = client.get("metadata")
    assert answer.status_code == 200
    made: dict[str, Any] = answer.json()
    return made


def test_the_statement_describes_this_server(statement: dict[str, Any], served: Served) -> None:
    assert statement["resourceType"] == "CapabilityStatement"
    assert (statement["kind"], statement["status"]) == ("instance", "active")
    assert statement["fhirVersion"] == "4.0.1"
    assert statement["implementation"]["url"] == served.url
    assert statement["date"] >= STARTED.date().isoformat()
    known = definitions("4.0")
    types = [entry["type"] for entry in statement["rest"][0]["resource"]]
    assert types == sorted(known.resource_types - {"Parameters"})
    for entry in statement["rest"][0]["resource"]:
        parameters = known.search_parameters(entry["type"])
        for said in entry["searchParam"]:
            parameter = parameters[said["name"]]
            assert (said["type"], said["definition"]) == (parameter.type, parameter.url)


def test_the_statement_is_valid(client: httpx.Client) -> None:
    content = client.get("metadata").content
    check_valid(content)
    with pytest.raises(AssertionError):
        check_valid(content.replace(b'"status":"active"', b'"status":"eager"'))


VALUES = {
    "string": "a",
    "token": "a",
    "reference": "Patient/1",
    "date": "2020",
    "number": "1",
    "quantity": "1",
    "uri": "urn:a",
    "composite": None,
    "special": "1|1",
}


TERMINOLOGY = (":in", ":not-in", ":above", ":below")


@pytest.mark.parametrize("type", ["Patient", "Observation", "Location", "RiskAssessment", "Basic"])
def test_each_parameter_of_the_statement_is_answered_and_no_other(
    client: httpx.Client, statement: dict[str, Any], type: str
) -> None:
    entry = next(e for e in statement["rest"][0]["resource"] if e["type"] == type)
    said = {p["name"] for p in entry["searchParam"]}
    for parameter in entry["searchParam"]:
        name, value = parameter["name"], VALUES[parameter["type"]]
        if name in ("_lastUpdated",):
            value = "2020"
        if name in ("active", "deceased"):
            value = "true"
        if value is not None:
            answer = client.get(f"{type}?{name}={value}&_count=1")
            assert answer.status_code == 200, answer.text
        for modifier in parameter.get("documentation", "").removeprefix("Modifiers: ").split(", "):
            if modifier and "[" not in modifier and value is not None:
                asked = {":missing": "false", ":of-type": "a|b|c"}.get(modifier, value)
                answer = client.get(f"{type}?{name}{modifier}={asked}&_count=1")
                if parameter["type"] == "token" and modifier in TERMINOLOGY:
                    # Known, and nothing is stored here that could answer it.
                    assert "stored here" in answer.text or "system|code" in answer.text
                    continue
                assert answer.status_code == 200, answer.text
    for name in set(definitions("4.0").search_parameters(type)) - said:
        assert client.get(f"{type}?{name}=a").status_code == 400


def test_each_interaction_of_the_statement_is_one(
    client: httpx.Client, statement: dict[str, Any]
) -> None:
    rest = statement["rest"][0]
    said = {i["code"] for e in rest["resource"] for i in e["interaction"]}
    id = client.post("Basic", json={"resourceType": "Basic", "code": {"text": "x"}}).json()["id"]
    content = {"resourceType": "Basic", "id": id, "code": {"text": "y"}}
    answers = {
        "create": client.post("Basic", json=content),
        "read": client.get(f"Basic/{id}"),
        "vread": client.get(f"Basic/{id}/_history/1"),
        "update": client.put(f"Basic/{id}", json=content),
        "history-instance": client.get(f"Basic/{id}/_history"),
        "history-type": client.get("Basic/_history"),
        "search-type": client.get("Basic"),
        "patch": client.patch(f"Basic/{id}", content=b"[]", headers=JSON),
        "delete": client.delete(f"Basic/{id}"),
    }
    assert said == {code for code, answer in answers.items() if answer.is_success}
    system = {
        "history-system": client.get("_history"),
        "search-system": client.get("?_id=1"),
        "batch": client.post("", json={"resourceType": "Bundle", "type": "batch"}),
        "transaction": client.post("", json={"resourceType": "Bundle", "type": "transaction"}),
    }
    assert {i["code"] for i in rest["interaction"]} == {
        code for code, answer in system.items() if answer.is_success
    }


def test_the_statement_has_a_short_form_and_a_tag(client: httpx.Client) -> None:
    whole = client.get("metadata")
    assert client.get("metadata?mode=full").content == whole.content
    seen = {"If-None-Match": whole.headers["etag"]}
    assert client.get("metadata", headers=seen).status_code == 304
    short = client.get("metadata?_summary=true")
    assert short.headers["etag"] != whole.headers["etag"]
    assert short.json()["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert len(short.content) < len(whole.content) / 4
    normative = client.get("metadata?mode=normative").json()
    assert "versioning" not in normative["rest"][0]["resource"][0]


# deployment -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "said"),
    [("req-1", "req-1"), (None, None), ("with space", None)],
)
def test_a_request_has_an_id(client: httpx.Client, sent: str | None, said: str | None) -> None:
    answer = client.get("metadata", headers={} if sent is None else {"X-Request-Id": sent})
    assert answer.headers["x-request-id"]
    assert (answer.headers["x-request-id"] == sent) == (said is not None)
    assert answer.headers.get("x-correlation-id") == (sent if said is None else None)


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        ({"Host": "fhir.example.org:9"}, "http://fhir.example.org:9/fhir"),
        ({"Host": "a.example", "X-Forwarded-Host": "evil.example"}, "http://a.example/fhir"),
        ({"Host": "a.example", "X-Forwarded-Proto": "https"}, "http://a.example/fhir"),
    ],
)
def test_links_start_with_the_host_that_was_asked(
    client: httpx.Client, headers: dict[str, str], base: str
) -> None:
    bundle = client.get("Patient?_count=1", headers=headers).json()
    assert {e["url"].partition("/Patient")[0] for e in bundle["link"]} == {base}
    assert bundle["entry"][0]["fullUrl"].startswith(f"{base}/Patient/")


@pytest.mark.parametrize("host", ['a"b', "ex@mple", "", "myhost:"])
def test_a_host_that_is_none_is_refused_before_anything_is_written(
    client: httpx.Client, host: str
) -> None:
    assert client.get("Patient", headers={"Host": host}).status_code == 400
    family = f"Host{secrets.token_hex(4)}"
    headers = {"Host": host, "Prefer": "return=minimal"}
    answer = client.post("Patient", json=patient(family=family), headers=headers)
    assert answer.status_code == 400
    assert "is no address" in check_outcome(answer)[0]["diagnostics"]
    assert client.get(f"Patient?family={family}").json()["total"] == 0


def test_options_of_a_deployment(wire_uri: str, database: str) -> None:
    options = (
        "--base-path", "", "--trust-forwarded", "--handling", "lenient", "--cors", "https://app.example",
    )  # fmt: skip
    with (
        serving(wire_uri, database, *options) as served,
        httpx.Client(base_url=f"{served.url}/") as client,
    ):
        assert urlsplit(served.url).path == ""
        forwarded = {"X-Forwarded-Proto": "HTTPS", "X-Forwarded-Host": "fhir.example", "X-Forwarded-Prefix": "/r4"}  # fmt: skip
        for prefix in ("/r4", "/r4/", "r4"):
            forwarded["X-Forwarded-Prefix"] = prefix
            bundle = client.get("Patient?_count=1&nothing=1", headers=forwarded).json()
            assert link(bundle, "self") == "https://fhir.example/r4/Patient?_count=1"
        strict = {"Prefer": "handling=strict"}
        assert client.get("Patient?nothing=1", headers=strict).status_code == 400
        ours = client.get("Patient/nobody", headers={"Origin": "https://app.example"})
        assert ours.headers["access-control-allow-origin"] == "https://app.example"
        assert "ETag" in ours.headers["access-control-expose-headers"]
        preflight = {
            "Origin": "https://app.example",
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "If-Match, Content-Type",
        }
        assert client.options("Patient/1", headers=preflight).status_code == 200
        others = client.get("Patient/nobody", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in others.headers
        assert client.get("metadata").json()["rest"][0]["security"]["cors"] is True


def test_a_fixed_base_url(wire_uri: str, database: str) -> None:
    base = "https://fhir.example.org/r4"
    port = free_port()
    options = ("--base-url", f"{base}/", "--base-path", "inner/fhir/", "--port", str(port))
    with serving(wire_uri, database, *options) as served:
        assert served.url == base
        bundle = httpx.get(f"http://127.0.0.1:{port}/inner/fhir/Practitioner?_count=1").json()
        assert link(bundle, "self") == f"{base}/Practitioner?_count=1"
        assert bundle["entry"][0]["fullUrl"].startswith(f"{base}/Practitioner/")


@pytest.mark.parametrize("option", ["--base-url=ex.org", "--base-path=/a b"])
def test_an_address_that_is_none_is_refused(option: str) -> None:
    answer = CliRunner().invoke(main, ["serve", option, "--uri", "mongodb://127.0.0.1:1/"])
    assert answer.exit_code == 2
    assert repr(option.partition("=")[2]) in answer.output


def test_no_password_is_said(wire_uri: str, database: str, served: Served) -> None:
    assert repr(database) in served.said
    assert "@" not in served.said
    assert "?" not in served.said


def test_a_database_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    port = free_port()
    uri = f"mongodb://127.0.0.1:{port}/?directConnection=true&serverSelectionTimeoutMS=200"
    with (
        database_server(tmp_path, port) as database,
        serving(uri, "away") as served,
        httpx.Client(base_url=f"{served.url}/") as client,
    ):
        put(client, "before")
        database.kill()
        database.wait()
        for answer in (
            client.get("Patient/before"),
            client.get("Patient?family=socket"),
            client.put("Patient/during", json=patient("during")),
            client.delete("Patient/before"),
        ):
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "1"
            issue = check_outcome(answer)[0]
            assert issue["code"] == "transient"
            # Where the database is concerns nobody out there; the operator finds it in the log by this id.
            assert str(port) not in answer.text
            assert answer.headers["x-request-id"] in issue["diagnostics"]
        assert client.get("metadata").status_code == 200
        with database_server(tmp_path, port):
            assert client.get("Patient/before").status_code == 200
            assert client.put("Patient/after", json=patient("after")).status_code == 201


@contextmanager
def database_server(directory: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A database server on a port of its own choosing, which nobody starts again."""
    place = Place(directory)
    place.make()
    place.product_file.write_text("secantusd-py\n")
    with place.log.open("ab") as log:
        process = subprocess.Popen(place.command(port), cwd=directory, stdout=log, stderr=log)
    try:
        while not answers(f"mongodb://127.0.0.1:{port}/?directConnection=true"):
            assert process.poll() is None, place.last_words()
        yield process
    finally:
        process.kill()
        process.wait()


# the end ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_peace(wire_uri: str, database: str, number: signal.Signals) -> None:
    with serving(wire_uri, database) as served, httpx.Client() as client:
        # A connection that is kept open does not keep the server.
        assert client.get(f"{served.url}/metadata").status_code == 200
        began = time.monotonic()
        served.process.send_signal(number)
        assert served.process.wait(10) == 0
        assert time.monotonic() - began < 5
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{served.url}/metadata")


def test_a_request_under_way_is_finished(wire_uri: str, database: str) -> None:
    with serving(wire_uri, database) as served:
        with connect(served) as connection:
            connection.sendall(head("POST", f"Content-Length: {len(GOOD)}") + GOOD[:9])
            time.sleep(0.3)
            served.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            assert served.process.poll() is None
            connection.sendall(GOOD[9:])
            answer = connection.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 201")
        assert served.process.wait(10) == 0


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET", b"\x16\x03\x01\x02\x00\x01\x00", head("POST", "Content-Length: 100") + b"{", head("GET")],
    ids=["nothing", "a word", "TLS", "half its content", "no wish for the answer"],
)  # fmt: skip
def test_a_client_that_goes_away_harms_nobody(
    served: Served, client: httpx.Client, sent: bytes
) -> None:
    with connect(served) as connection:
        connection.sendall(sent)
    assert client.get("metadata?_summary=true").status_code == 200
