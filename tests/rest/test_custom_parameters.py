"""A search parameter that is posted to a running server: refused, or built beside its work and then in `/metadata`."""

from __future__ import annotations

import time

import httpx
import pymongo

from tests.contract.test_custom_parameters import EYE, parameter, patient
from tests.serving import serving

# The server looks every two seconds, and begins to build after four.
PATIENCE = 30


def listed(client: httpx.Client) -> bool:
    statement = client.get("metadata").json()
    (resource,) = (r for r in statement["rest"][0]["resource"] if r["type"] == "Patient")
    return "eye-colour" in {p["name"] for p in resource["searchParam"]}


def test_over_a_socket(wire_uri: str, fresh_database: str) -> None:
    with (
        serving(wire_uri, fresh_database) as served,
        httpx.Client(base_url=f"{served.url}/") as client,
    ):
        client.put("Patient/a", json=patient("a", "green"))
        refused = client.post("SearchParameter", json=parameter(expression="Patient.nothing"))
        assert refused.status_code == 422
        assert refused.json()["issue"][0]["expression"] == ["SearchParameter.expression"]
        assert client.put("SearchParameter/eye", json=parameter()).status_code == 201
        early = client.get("Patient", params={"eye-colour": "green"})
        assert early.status_code == 400
        assert "being built" in early.json()["issue"][0]["diagnostics"]
        assert not listed(client)
        client.put("Patient/b", json=patient("b", "green"))
        end = time.monotonic() + PATIENCE
        while client.get("Patient", params={"eye-colour": "green"}).status_code != 200:
            assert time.monotonic() < end
            time.sleep(0.2)
        found = client.get("Patient", params={"eye-colour": "green"}).json()
        assert [entry["resource"]["id"] for entry in found["entry"]] == ["a", "b"]
        assert listed(client)
        database = pymongo.MongoClient(wire_uri)[fresh_database]
        assert database["Patient"].find_one({"_id": "a"})["search"]["eye-colour"] == ["green"]
        assert client.delete("SearchParameter/eye").status_code in (200, 204)
        assert client.get("Patient", params={"eye-colour": "green"}).status_code == 400
        assert not listed(client)
        assert client.get("Patient/a").json()["extension"][0]["url"] == EYE
