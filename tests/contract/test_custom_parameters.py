"""Search parameters that come while the store is in use: refused with the reason, or built and then answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from fhirstore import custom_parameters, json_text, parameter_registry
from fhirstore.definitions import definitions
from fhirstore.errors import InvalidSearch, Unprocessable
from fhirstore.store import finish
from tests.contract.conftest import Awaited, open_store

URL = "http://example.org/SearchParameter/eye"
EYE = "http://example.org/eye"


def parameter(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "SearchParameter", "id": "eye", "url": URL, "name": "eye", "status": "active",
        "description": "The colour of the eyes", "code": "eye-colour", "base": ["Patient"], "type": "token",
        "expression": f"Patient.extension('{EYE}').value",
    } | more  # fmt: skip


def patient(id: str, colour: str | None = None, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"resourceType": "Patient", "id": id} | more
    if colour:
        made["extension"] = [{"url": EYE, "valueCode": colour}]
    return made


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parameter_registry, "REFRESH", 0.05)


def until(done: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_known(store: Any, code: str = "eye-colour", type: str = "Patient") -> bool:
    return not store.search(type, f"{code}:missing=false&_count=1", handling="lenient").issues


def ids(store: Any, query: str, type: str = "Patient", **options: Any) -> list[str]:
    return sorted(match.id for match in store.search(type, query, **options).matches)


def test_comes_and_goes(store: Any) -> None:
    for number in range(520):
        store.update(patient(f"p{number}", "green" if number % 100 == 0 else "brown"))
    before = store.update(patient("p0", "blue"))
    with pytest.raises(InvalidSearch, match="no search parameter"):
        store.search("Patient", "eye-colour=green")
    store.update(parameter())
    with pytest.raises(InvalidSearch, match="being built"):
        store.search("Patient", "eye-colour=green")
    lenient = store.search("Patient", "eye-colour=green&_count=1", handling="lenient")
    assert lenient.issues[0].severity == "warning"
    # Reads and writes go on meanwhile.
    store.update(patient("new", "green"))
    store.update(patient("p100", "grey"))
    wait(store)
    assert "search.eye-colour" in indexes(store)
    assert ids(store, "eye-colour=green") == sorted(
        ["new", *(f"p{n}" for n in range(200, 520, 100))]
    )
    assert ids(store, "eye-colour=grey,blue") == ["p0", "p100"]
    assert store.search("Patient", "_sort=-eye-colour&_count=1").matches[0].id == "p100"
    assert ids(store, "eye-colour=green", as_of=before.last_updated)[0] == "p100"
    assert ids(store, "_filter=eye-colour eq grey") == ["p100"]
    store.delete("SearchParameter", "eye")
    assert not is_known(store)
    store.update(patient("later", "green"))
    wait(store)
    assert not held(store)
    assert "search.eye-colour" not in indexes(store)


def test_another_definition_takes_the_place(store: Any) -> None:
    store.update(patient("a", "green", gender="male"))
    store.update(parameter())
    wait(store)
    assert ids(store, "eye-colour=green") == ["a"]
    store.update(parameter(expression="Patient.gender", description="Something else"))
    assert not is_known(store)
    wait(store)
    assert ids(store, "eye-colour=green") == []
    assert ids(store, "eye-colour=male") == ["a"]
    store.update(parameter(status="retired"))
    wait(store)
    assert not is_known(store)


def test_what_another_stores_meanwhile_is_no_loss(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process has read the stored parameters when another stores one more and notes it: the first must not retire it."""
    port, release = store.parts().setting.port, definitions("4.0")
    read_stored = parameter_registry._stored
    other = {"id": "other", "url": f"{URL}-other", "code": "other-colour"}

    async def read_and_wait(port: Any, release: Any) -> Any:
        rows = await read_stored(port, release)
        monkeypatch.setattr(parameter_registry, "_stored", read_stored)
        await port.insert_one(custom_parameters.TYPE, added)
        await parameter_registry.sync(port, release)
        return rows

    store.update(parameter())
    store.update(parameter(**other))
    store.delete("SearchParameter", "other")
    until(lambda: not store.parts().registry.pending)
    added = result(store, port.find_one(custom_parameters.TYPE, {"_id": "eye"}))
    stored = json_text.parse(added["json"].encode()) | other
    added |= {"_id": "another", "json": json_text.dump(stored)}
    monkeypatch.setattr(parameter_registry, "_stored", read_and_wait)
    result(store, parameter_registry.sync(port, release))
    assert {entry.row.code: entry.state == "retiring" for entry in held(store)} == {
        "eye-colour": False,
        "other-colour": False,
    }


def test_of_every_type_of_parameter(store: Any) -> None:
    store.update(
        patient("a", name=[{"given": ["Anna"], "family": "Muster", "period": {"start": "2020"}}])
        | {
            "contact": [
                {"name": {"family": "Meier"}, "organization": {"reference": "Organization/o"}}
            ]
        }
    )
    store.update({"resourceType": "Organization", "id": "o", "name": "Clinic"})
    store.update(
        {"resourceType": "Observation", "id": "v", "status": "final", "code": {"text": "x"},
         "referenceRange": [{"low": {"value": 5, "unit": "g", "system": "http://unitsofmeasure.org", "code": "g"}}]}
    )  # fmt: skip
    made = [
        ("contact-name", "string", "Patient", "Patient.contact.name.family", {}),
        ("contact-org", "reference", "Patient", "Patient.contact.organization", {"target": ["Organization"]}),
        ("name-since", "date", "Patient", "Patient.name.period", {}),
        ("low", "quantity", "Observation", "Observation.referenceRange.low", {}),
        ("low-number", "number", "Observation", "Observation.referenceRange.low.value", {}),
        ("any-tag", "token", "Resource", "Resource.id", {}),
        ("name-of", "composite", "Patient", "Patient.name", {"component": [
            {"definition": f"http://hl7.org/fhir/SearchParameter/individual-{part}", "expression": part}
            for part in ("family", "given")]}),
    ]  # fmt: skip
    for code, type, base, expression, more in made:
        own = {"id": code, "url": f"{URL}/{code}", "code": code, "type": type, "base": [base]}
        store.update(parameter(**own, expression=expression, **more))
    wait(store)
    assert ids(store, "contact-name=mei") == ["a"]
    assert ids(store, "contact-org.name=clinic") == ["a"]
    assert ids(store, "_has:Patient:contact-org:_id=a", "Organization") == ["o"]
    assert ids(store, "name-since=ge2020") == ["a"]
    assert ids(store, "low=5000|http://unitsofmeasure.org|mg", "Observation") == ["v"]
    assert ids(store, "low-number=gt4", "Observation") == ["v"]
    assert ids(store, "any-tag=v", "Observation") == ["v"]
    assert ids(store, "name-of=muster$anna") == ["a"]
    assert [v.id for v in store.search("Patient", "_include=Patient:contact-org").included] == ["o"]


def test_is_found_by_another_process(kind: str, store: Any, open_again: Any) -> None:
    if kind == "mongomock":
        pytest.skip("mongomock is in one process")
    store.update(patient("a", "green"))
    other = open_again()
    assert not is_known(other)
    store.update(parameter())
    # Writes what is being built, once it has looked.
    time.sleep(0.1)
    other.update(patient("b", "green"))
    wait(store, other)
    time.sleep(0.1)
    assert ids(other, "eye-colour=green") == ["a", "b"]


def test_goes_on_where_it_was_stopped(kind: str, store: Any, open_again: Any) -> None:
    if kind == "mongomock":
        pytest.skip("mongomock is in one process")
    for number in range(5):
        store.update(patient(f"p{number}", "green"))
    store.update(parameter())
    # A closed event loop cannot be used again, so such a store goes on: it may have the lease.
    stays = isinstance(store, Awaited)
    if not stays:
        store.close()
    again = open_again()
    wait(again, *([store] if stays else []))
    assert len(ids(again, "eye-colour=green")) == 5


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"code": "name"}, "code", "already"),
    ({"code": "a.b"}, "code", "name of a parameter"),
    ({"code": "_sort"}, "code", "name of a parameter"),
    ({"type": "special"}, "type", "special"),
    ({"expression": "Patient.nothing"}, "expression", "no element nothing"),
    ({"expression": "Patient.name.count()"}, "expression", "not compiled"),
    ({"expression": "Observation.code"}, "expression", "leads to nothing"),
    ({"expression": "Patient.name"}, "expression", "leads to nothing"),
    ({"expression": "(" * 3000 + "Patient" + ")" * 1000}, "expression", "too deep"),
    ({"expression": "Patient" + ".extension.value" * 5}, "expression", "may be meant"),
    ({"type": "composite"}, "component", "components"),
    ({"type": "composite", "component": [{"definition": "urn:none", "expression": "x"}]}, "component", "urn:none"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "element", "said"), REFUSED)
def test_is_refused_with_the_reason(
    store: Any, more: dict[str, Any], element: str, said: str
) -> None:
    with pytest.raises(Unprocessable) as caught:
        store.update(parameter(**more))
    (issue,) = caught.value.issues
    assert issue.expression == f"SearchParameter.{element}"
    assert said in issue.diagnostics
    assert store.search("SearchParameter", "").matches == []


def test_what_is_not_live_is_only_stored(store: Any) -> None:
    store.update(parameter(status="draft", expression="Patient.nothing"))
    store.update(
        parameter(
            id="theirs", url="http://hl7.org/fhir/SearchParameter/individual-gender", code="x"
        )
    )
    assert not held(store)


# what is looked at ------------------------------------------------------------------------------


@pytest.fixture
def open_again(kind: str, server: str, store: Any) -> Iterator[Callable[[], Any]]:
    """Opens the database of `store` as another process would."""
    with ExitStack() as stack:
        yield lambda: open_store(kind, server, port_of(store).database, stack)


def port_of(store: Any) -> Any:
    return store.parts().setting.port


def result(store: Any, coroutine: Any) -> Any:
    return store.run(coroutine) if isinstance(store, Awaited) else finish(coroutine)


def held(store: Any) -> Any:
    return result(store, parameter_registry.read(port_of(store))).entries


def wait(store: Any, *others: Any) -> None:
    """Until nothing is pending, and the store knows. Any of them may have the lease."""

    def is_done() -> bool:
        for each in (store, *others):
            breathed(each)
        return not result(store, parameter_registry.read(port_of(store))).pending

    until(is_done)
    time.sleep(0.06)


def breathed(store: Any) -> None:
    """An event loop runs only while it is asked to."""
    if isinstance(store, Awaited):
        store.run(asyncio.sleep(0.05))


def indexes(store: Any) -> set[str]:
    return {status.name for status in result(store, store.parts().catalogue.status(["Patient"]))}
