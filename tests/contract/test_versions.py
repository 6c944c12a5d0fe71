"""What a store promises about versions: create, read, update, delete, and the chain that they leave."""

from __future__ import annotations

import base64
import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from fhirstore.errors import (
    Gone,
    InvalidId,
    MalformedContent,
    NotFound,
    PreconditionFailed,
    TooLarge,
    Unprocessable,
)

ANNA = {"resourceType": "Patient", "id": "anna", "active": True, "name": [{"family": "Abel"}]}


def test_a_created_resource_reads_as_it_was_given(store: Any) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    created = store.create({"resourceType": "Patient", "id": "ignored", "active": True})
    assert (created.version, created.outcome, created.method) == (1, "created", "POST")
    assert created.id != "ignored"
    assert before < created.last_updated < datetime.now(UTC) + timedelta(seconds=1)
    read = store.read("Patient", created.id)
    assert read.json == created.json
    assert read.resource == {
        "resourceType": "Patient",
        "id": created.id,
        "meta": {
            "versionId": "1",
            "lastUpdated": f"{created.last_updated:%Y-%m-%dT%H:%M:%S}"
            f".{created.last_updated.microsecond // 1000:03d}Z",
        },
        "active": True,
    }


def test_every_digit_and_the_order_of_properties_stay(store: Any) -> None:
    text = (
        '{"resourceType":"Observation","status":"final","code":{"text":"\\u00e9 \\"x\\" \\/"},'
        '"valueQuantity":{"value":1.0,"unit":"kg"},'
        '"component":[{"code":{"text":"a"},"valueQuantity":{"value":185.00}},'
        '{"code":{"text":"b"},"valueQuantity":{"value":0.123456789012345678901234567890123456789}},'
        '{"code":{"text":"c"},"valueQuantity":{"value":-1e-7}},'
        '{"code":{"text":"d"},"valueQuantity":{"value":1E5}},'
        '{"code":{"text":"e"},"valueQuantity":{"value":123456789012345678901234567890}}]}'
    )
    created = store.create(text)
    read = store.read("Observation", created.id).json
    for number in ("1.0", "185.00", "0.123456789012345678901234567890123456789", "-1e-7", "1E5"):
        assert f'"value":{number}' in read
    assert '"value":123456789012345678901234567890' in read
    assert '"text":"é \\"x\\" /"' in read
    assert list(json.loads(read)) == [
        "resourceType", "id", "meta", "status", "code", "valueQuantity", "component",
    ]  # fmt: skip
    page = store.search("Observation", f"_id={created.id}")
    assert page.matches[0].json == read


def test_what_an_author_wrote_into_meta_stays(store: Any) -> None:
    meta = {
        "versionId": "77",
        "lastUpdated": "1999-01-01T00:00:00Z",
        "source": "urn:x",
        "tag": [{"code": "a"}],
    }
    created = store.create({"resourceType": "Patient", "meta": meta})
    stored = store.read("Patient", created.id).resource["meta"]
    assert stored["versionId"] == "1"
    assert stored["lastUpdated"] > "2020"
    assert (stored["source"], stored["tag"]) == ("urn:x", [{"code": "a"}])


def test_an_update_makes_the_next_version(store: Any) -> None:
    first = store.update(ANNA)
    assert (first.version, first.outcome, first.method) == (1, "created", "PUT")
    second = store.update({**ANNA, "active": False})
    assert (second.version, second.outcome) == (2, "updated")
    assert second.last_updated > first.last_updated
    assert store.read("Patient", "anna").resource["active"] is False
    assert store.vread("Patient", "anna", 1).resource["active"] is True
    assert store.vread("Patient", "anna", "2").json == second.json


@pytest.mark.parametrize(
    "same",
    [
        ANNA,
        dict(reversed(ANNA.items())),
        {**ANNA, "meta": {"versionId": "9", "lastUpdated": "2000-01-01T00:00:00Z"}},
        json.dumps(ANNA, indent=3),
    ],
    ids=["the same", "in another order", "with another version", "with white space"],
)
def test_an_update_that_changes_nothing_makes_no_version(store: Any, same: Any) -> None:
    first = store.update(ANNA)
    again = store.update(same)
    assert (again.version, again.outcome) == (1, "unchanged")
    assert again.last_updated == first.last_updated
    assert len(store.history("Patient", "anna").entries) == 1


def test_another_number_text_is_a_change(store: Any) -> None:
    text = '{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"valueQuantity":{"value":%s}}'
    store.update(text % "1.0")
    assert store.update(text % "1.00").version == 2


def test_deleting_and_coming_back(store: Any) -> None:
    store.update(ANNA)
    deleted = store.delete("Patient", "anna")
    assert (deleted.version, deleted.deleted, deleted.method) == (2, True, "DELETE")
    with pytest.raises(Gone):
        store.read("Patient", "anna")
    with pytest.raises(Gone):
        store.vread("Patient", "anna", 2)
    assert store.vread("Patient", "anna", 1).resource["active"] is True
    assert store.delete("Patient", "anna") is None
    assert store.search("Patient").matches == []
    back = store.update(ANNA)
    assert (back.version, back.outcome) == (3, "created")
    assert store.read("Patient", "anna").version == 3
    methods = [entry.method for entry in store.history("Patient", "anna").entries]
    assert methods == ["PUT", "DELETE", "PUT"]


def test_deleting_what_never_was(store: Any) -> None:
    assert store.delete("Patient", "nobody") is None
    with pytest.raises(NotFound):
        store.read("Patient", "nobody")


def test_if_match(store: Any) -> None:
    store.update(ANNA)
    with pytest.raises(PreconditionFailed):
        store.update({**ANNA, "active": False}, if_match=2)
    assert store.update({**ANNA, "active": False}, if_match=1).version == 2
    with pytest.raises(PreconditionFailed):
        store.delete("Patient", "anna", if_match=1)
    assert store.read("Patient", "anna").version == 2
    assert store.delete("Patient", "anna", if_match=2).version == 3
    with pytest.raises(PreconditionFailed):
        store.update({**ANNA, "id": "new"}, if_match=1)


def test_if_match_guards_an_update_that_changes_nothing(store: Any) -> None:
    store.update(ANNA)
    with pytest.raises(PreconditionFailed):
        store.update(ANNA, if_match=5)
    assert store.update(ANNA, if_match=1).outcome == "unchanged"


def test_an_update_may_be_kept_from_creating(store: Any) -> None:
    with pytest.raises(NotFound):
        store.update(ANNA, create=False)
    store.update(ANNA)
    assert store.update({**ANNA, "active": False}, create=False).version == 2


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("", MalformedContent),
        ("{", MalformedContent),
        ("[]", MalformedContent),
        ("null", MalformedContent),
        ('"Patient"', MalformedContent),
        ('{"resourceType":"Patient","active":true,"active":false}', MalformedContent),
        ('{"resourceType":"Patient","active":NaN}', MalformedContent),
        (b'{"resourceType":"Patient","name":[{"family":"\xff"}]}', MalformedContent),
        ('{"resourceType":"Patient","extension":' + "[" * 5000 + "]" * 5000 + "}", MalformedContent),
        ({"resourceType": "Patient", "active": object()}, MalformedContent),
        ({"resourceType": "Patient", "active": float("nan")}, MalformedContent),
        ({"resourceType": "Patient", "name": [{"family": (1, float("inf"))}]}, MalformedContent),
        ({"resourceType": "Patient", "active": Decimal("NaN")}, MalformedContent),
        ({"resourceType": "Patient", "active": 10**5000}, MalformedContent),
        ("{}", Unprocessable),
        ('{"resourceType":"Person_"}', Unprocessable),
        ('{"resourceType":["Patient"]}', Unprocessable),
        ('{"resourceType":"Patient","$where":"1"}', Unprocessable),
        ('{"resourceType":"Patient","a.b":1}', Unprocessable),
        ('{"resourceType":"Patient","active":"yes"}', Unprocessable),
        ('{"resourceType":"Patient","birthDate":"2021-02-29"}', Unprocessable),
    ],
)  # fmt: skip
def test_bad_content_changes_nothing(store: Any, content: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        store.create(content)
    assert caught.value.issues  # type: ignore[attr-defined]
    assert store.search("Patient").matches == []


def test_all_that_is_wrong_is_said_at_once(store: Any) -> None:
    with pytest.raises(Unprocessable) as caught:
        store.create({"resourceType": "Patient", "gender": "x", "birthDate": "y", "foo": 1})
    places = {issue.expression for issue in caught.value.issues}
    assert places == {"Patient.gender", "Patient.birthDate", "Patient.foo"}


@pytest.mark.parametrize("id", ["", "a b", "ä", "x" * 65, "a/b", "$id", "a\n"])
def test_bad_ids(store: Any, id: str) -> None:
    with pytest.raises((InvalidId, Unprocessable)):
        store.update({"resourceType": "Patient", "id": id, "active": True})
    with pytest.raises(InvalidId):
        store.read("Patient", id)


def test_an_address_and_a_content_that_disagree(store: Any) -> None:
    with pytest.raises(InvalidId):
        store.update(ANNA, id="other")
    with pytest.raises(InvalidId):
        store.update(ANNA, resource_type="Person")
    with pytest.raises(InvalidId):
        store.create(ANNA, resource_type="Person")
    with pytest.raises(InvalidId):
        store.update({"resourceType": "Patient", "active": True})


@pytest.mark.parametrize("type", ["Foo", "patient", "", "Resource", "DomainResource", "$x", "a.b"])
def test_types_that_are_none(store: Any, type: str) -> None:
    with pytest.raises(NotFound):
        store.read(type, "1")
    with pytest.raises(NotFound):
        store.search(type)
    with pytest.raises(NotFound):
        store.history(type)


@pytest.mark.parametrize("version", [0, 2, "x", "1.0", -1, "9" * 30, ""])
def test_versions_that_are_none(store: Any, version: Any) -> None:
    store.update(ANNA)
    with pytest.raises(NotFound):
        store.vread("Patient", "anna", version)


def test_many_at_once(store: Any) -> None:
    for name in ("a", "b", "c"):
        store.update({**ANNA, "id": name})
    store.delete("Patient", "b")
    found = store.read_many("Patient", ["a", "b", "c", "d"])
    assert sorted(version.id for version in found) == ["a", "c"]


def test_without_validation_what_is_json_comes_back(lax_store: Any) -> None:
    text = '{"resourceType":"Patient","id":"odd","foo":{"$where":1,"a.b":[null,{}]},"name":7,"birthDate":[2]}'
    lax_store.update(text)
    assert lax_store.read("Patient", "odd").json.endswith(text.partition('"odd",')[2])
    assert [match.id for match in lax_store.search("Patient", "name:missing=true").matches] == [
        "odd"
    ]
    with pytest.raises(Unprocessable):
        lax_store.update('{"resourceType":"Nothing","id":"odd"}')


def test_a_resource_that_is_too_large_for_both_forms(store: Any) -> None:
    extensions = [{"url": "urn:x", "valueString": f"{n:0100000}"} for n in range(95)]
    large = {"resourceType": "Basic", "id": "large", "code": {"text": "x"}, "extension": extensions}
    assert store.update(large).version == 1
    assert store.update(large).outcome == "unchanged"
    assert store.read("Basic", "large").resource["extension"] == extensions
    (match,) = store.search("Basic", "_id=large").matches
    assert match.json == store.read("Basic", "large").json
    assert store.update({**large, "extension": extensions[:3]}).version == 2
    assert store.vread("Basic", "large", 1).resource["extension"] == extensions
    versions = store.history("Basic", "large").entries
    assert [len(version.json) > 9_000_000 for version in versions] == [False, True]


def test_a_resource_that_no_document_can_hold(store: Any, kind: str) -> None:
    if kind == "mongomock":
        pytest.skip("mongomock holds documents of any size")
    # Chance cannot be compressed: more than 16 MB in any form.
    text = [base64.b64encode(random.Random(n).randbytes(750_000)).decode() for n in range(26)]
    extensions = [{"url": "urn:x", "valueString": part} for part in text]
    with pytest.raises(TooLarge):
        store.create({"resourceType": "Basic", "code": {"text": "x"}, "extension": extensions})
