"""What a load decides at its end about the resources that it put off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fhirstore.load.claims import Claims
from fhirstore.load.criteria import Criteria
from fhirstore.load.spool import Late, Spool, seen_key

A, B = "Organization?identifier=s|a", "Practitioner?identifier=s|b"


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path)
    yield made
    made.close()


def late(seq: int, address: str, *asks: str, tokens: tuple[str, ...] = ()) -> Late:
    type, id = address.split("/")
    return Late(seq, f"line {seq}", type, id, msgspec.Raw(b"{}"), list(asks), list(tokens))


def put_off(spool: Spool, *resources: Late) -> None:
    spool.add([(seen_key(r.type, r.id), r.seq) for r in resources], resources)


def settled(spool: Spool) -> dict[int, dict[str, str]]:
    return {one.late.seq: one.targets for one in spool.settled()}


def lost(spool: Spool) -> dict[int, tuple[str, int]]:
    return {one.late.seq: (str(one.criteria), one.matches) for one in spool.lost()}


def test_only_the_last_copy_of_a_resource_is_written(spool: Spool) -> None:
    put_off(spool, late(5, "Patient/1"), late(9, "Patient/1"), late(7, "Patient/2"))
    spool.settle([])
    assert settled(spool) == {7: {}, 9: {}}
    assert spool.overtaken() == {"Patient": 1}


def test_a_copy_further_on_that_the_database_has_already_counts_as_the_last(spool: Spool) -> None:
    put_off(spool, late(5, "Patient/1"), late(6, "Patient/2"))
    spool.add([(seen_key("Patient", "1"), 8), (seen_key("Patient", "2"), 2)], [])
    spool.settle([])
    assert settled(spool) == {6: {}}
    assert spool.overtaken() == {"Patient": 1}


def test_references_are_settled_by_what_the_database_has(spool: Spool) -> None:
    put_off(spool, late(1, "Encounter/1", A, B), late(2, "Encounter/2", A))
    assert spool.asked() == [Criteria("Organization", "s|a"), Criteria("Practitioner", "s|b")]
    spool.settle([(Criteria("Organization", "s|a"), "o"), (Criteria("Practitioner", "s|b"), "p")])
    assert settled(spool) == {
        1: {A: "Organization/o", B: "Practitioner/p"},
        2: {A: "Organization/o"},
    }
    assert lost(spool) == {}


@pytest.mark.parametrize(("ids", "matches"), [((), 0), (("o", "p"), 2)])
def test_a_reference_to_nothing_or_to_two_is_lost(
    ids: tuple[str, ...], matches: int, spool: Spool
) -> None:
    put_off(spool, late(1, "Encounter/1", A), late(2, "Encounter/2"))
    spool.settle([(Criteria("Organization", "s|a"), id) for id in ids])
    assert lost(spool) == {1: (A, matches)}
    assert settled(spool) == {2: {}}


def test_resources_that_wait_for_each_other_are_settled_together(spool: Spool) -> None:
    put_off(
        spool,
        late(1, "Organization/o", B, tokens=("a", "s|a")),
        late(2, "Practitioner/p", A, tokens=("b", "s|b")),
    )
    spool.settle([])
    assert settled(spool) == {1: {B: "Practitioner/p"}, 2: {A: "Organization/o"}}


def test_what_refers_to_a_lost_resource_is_lost_with_it(spool: Spool) -> None:
    put_off(
        spool,
        late(1, "Encounter/e", A),
        late(2, "Organization/o", B, tokens=("s|a",)),
        late(3, "Practitioner/p", "Location?identifier=nowhere", tokens=("s|b",)),
        late(4, "Encounter/f", "Patient?identifier=1"),
    )
    spool.settle([(Criteria("Patient", "1"), "x")])
    assert lost(spool) == {1: (A, 0), 2: (B, 0), 3: ("Location?identifier=nowhere", 0)}
    assert settled(spool) == {4: {"Patient?identifier=1": "Patient/x"}}


def test_a_lost_copy_does_not_overtake_an_earlier_one(spool: Spool) -> None:
    put_off(spool, late(1, "Encounter/1"), late(2, "Encounter/1", A))
    spool.settle([])
    assert settled(spool) == {1: {}}
    assert spool.overtaken() == {}


def test_two_copies_of_one_waiting_resource_are_one_match(spool: Spool) -> None:
    waiting = [late(n, "Organization/o", B, tokens=("s|a",)) for n in (1, 2)]
    put_off(spool, *waiting, late(3, "Encounter/1", A))
    spool.settle([(Criteria("Practitioner", "s|b"), "p")])
    assert settled(spool) == {2: {B: "Practitioner/p"}, 3: {A: "Organization/o"}}


def test_the_first_claim_stands_for_every_worker(tmp_path: Path) -> None:
    one, two = Claims(tmp_path), Claims(tmp_path)
    criteria = Criteria("Patient", "s|1")
    assert one.claim(criteria, "first") == "first"
    assert two.claim(criteria, "second") == "first"
    assert one.claim(criteria, "first") == "first"
    assert two.claim(Criteria("Patient", "s|2"), "second") == "second"
    one.close()
    two.close()
