"""Invented patients as FHIR transaction bundles, the form in which records are often handed over.

Entries refer to each other by `urn:uuid`, so that loading them has references to resolve. Organizations and
practitioners come in a bundle of their own and are referred to by identifier (a conditional reference, spec page http).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from fhirstore.sample import vocabulary as words
from fhirstore.sample.vocabulary import Measurement

Resource = dict[str, Any]

_NAMESPACE = UUID("5d1c0f0a-7a44-4b7c-9a0e-0c6f3f9f1f7e")
_FIRST_VISIT = datetime(2015, 1, 5, 8, 0, tzinfo=UTC)
_CLINICS = "https://example.org/clinics"
_STAFF = "https://example.org/staff"
_RECORDS = "https://example.org/records"
CLINICS = len(words.CITIES)
STAFF = 2 * CLINICS


def sample_bundles(patients: int, seed: int = 1) -> Iterator[Resource]:
    """The places' bundle, then one bundle a patient."""
    yield places_bundle()
    for number in range(patients):
        yield patient_bundle(number, seed)


def places_bundle() -> Resource:
    """Six clinics and the twelve people who work there."""
    clinics = [_clinic(number) for number in range(CLINICS)]
    return _bundle(clinics + [_practitioner(number) for number in range(STAFF)])


def patient_bundle(number: int, seed: int = 1) -> Resource:
    """Patient `number` with conditions, prescriptions, visits and what was measured there: some forty resources."""
    chance = random.Random(f"{seed}/{number}")
    patient = _patient(number, chance)
    resources = [patient, *_problems(patient, chance)]
    at = _FIRST_VISIT + timedelta(days=chance.randrange(365), minutes=5 * chance.randrange(100))
    for _ in range(chance.randint(3, 6)):
        resources += _visit(patient, at, chance)
        at += timedelta(days=chance.randrange(60, 500), minutes=chance.randrange(300))
    return _bundle(resources)


def _bundle(resources: list[Resource]) -> Resource:
    entries = [
        {
            "fullUrl": f"urn:uuid:{resource['id']}",
            "resource": resource,
            "request": {"method": "POST", "url": resource["resourceType"]},
        }
        for resource in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _id(chance: random.Random) -> str:
    return str(UUID(int=chance.getrandbits(128), version=4))


def _coded(system: str, code: str, display: str) -> Resource:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def _to(resource: Resource) -> Resource:
    return {"reference": f"urn:uuid:{resource['id']}"}


def _clinic(number: int) -> Resource:
    city, postcode, country = words.CITIES[number]
    return {
        "resourceType": "Organization",
        "id": str(uuid5(_NAMESPACE, f"clinic {number}")),
        "identifier": [{"system": _CLINICS, "value": str(number)}],
        "name": f"Clinic of {city}",
        "address": [{"city": city, "postalCode": postcode, "country": country}],
    }


def _practitioner(number: int) -> Resource:
    chance = random.Random(f"practitioner {number}")
    gender = chance.choice(("female", "male"))
    return {
        "resourceType": "Practitioner",
        "id": str(uuid5(_NAMESPACE, f"practitioner {number}")),
        "identifier": [{"system": _STAFF, "value": str(number)}],
        "name": [_name(gender, chance) | {"prefix": ["Dr."]}],
        "gender": gender,
    }


def _name(gender: str, chance: random.Random) -> Resource:
    given = chance.sample(words.GIVEN_NAMES[gender], chance.choice((1, 1, 2)))
    return {"use": "official", "family": chance.choice(words.FAMILY_NAMES), "given": given}


def _patient(number: int, chance: random.Random) -> Resource:
    gender = chance.choice(("female", "male"))
    city, postcode, country = chance.choice(words.CITIES)
    street = f"{chance.choice(words.STREETS)} {chance.randint(1, 120)}"
    born = datetime(1935, 1, 1) + timedelta(days=chance.randrange(82 * 365))
    return {
        "resourceType": "Patient",
        "id": _id(chance),
        "identifier": [{"system": _RECORDS, "value": f"R{number:06d}"}],
        "active": True,
        "name": [_name(gender, chance)],
        "telecom": [{"system": "phone", "value": f"+00 555 {number:06d}", "use": "home"}],
        "gender": gender,
        "birthDate": f"{born:%Y-%m-%d}",
        "address": [
            {"line": [street], "city": city, "postalCode": postcode, "country": country}
        ],
        "managingOrganization": {
            "reference": f"Organization?identifier={_CLINICS}|{chance.randrange(CLINICS)}"
        },
    }  # fmt: skip


def _problems(patient: Resource, chance: random.Random) -> Iterator[Resource]:
    """Conditions and prescriptions of a whole life, not bound to a visit."""
    clinical = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    for code, display in chance.sample(words.CONDITIONS, chance.randint(0, 3)):
        yield {
            "resourceType": "Condition",
            "id": _id(chance),
            "clinicalStatus": {"coding": [{"system": clinical, "code": "active"}]},
            "code": _coded(words.SNOMED, code, display),
            "subject": _to(patient),
            "onsetDateTime": f"{chance.randint(1990, 2014)}-{chance.randint(1, 12):02d}",
        }
    for code, display in chance.sample(words.MEDICATIONS, chance.randint(0, 2)):
        yield {
            "resourceType": "MedicationRequest",
            "id": _id(chance),
            "status": chance.choice(("active", "completed", "stopped")),
            "intent": "order",
            "medicationCodeableConcept": _coded(words.RXNORM, code, display),
            "subject": _to(patient),
            "authoredOn": f"{chance.randint(2015, 2020)}-{chance.randint(1, 12):02d}-15",
        }


def _visit(patient: Resource, at: datetime, chance: random.Random) -> list[Resource]:
    act = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    staff = f"Practitioner?identifier={_STAFF}|{chance.randrange(STAFF)}"
    encounter = {
        "resourceType": "Encounter",
        "id": _id(chance),
        "status": "finished",
        "class": {"system": act, "code": "AMB", "display": "ambulatory"},
        "subject": _to(patient),
        "participant": [{"individual": {"reference": staff}}],
        "period": {"start": _instant(at), "end": _instant(at + timedelta(minutes=25))},
    }
    measured = chance.sample(words.MEASUREMENTS, chance.randint(4, len(words.MEASUREMENTS)))
    observations = [_observation(m, patient, encounter, at, chance) for m in measured]
    return [encounter, *observations, _blood_pressure(patient, encounter, at, chance)]


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}+00:00"


def _observation(
    measured: Measurement,
    patient: Resource,
    encounter: Resource,
    at: datetime,
    chance: random.Random,
) -> Resource:
    steps = int((measured.high - measured.low) / measured.step)
    value = measured.low + measured.step * chance.randint(0, steps)
    return _finding(measured.category, patient, encounter, at, chance) | {
        "code": _coded(words.LOINC, measured.code, measured.display),
        "valueQuantity": _quantity(value, measured.unit),
    }


def _blood_pressure(
    patient: Resource, encounter: Resource, at: datetime, chance: random.Random
) -> Resource:
    systolic = chance.randint(98, 178)
    parts = (
        ("8480-6", "Systolic blood pressure", systolic),
        ("8462-4", "Diastolic blood pressure", systolic - chance.randint(30, 60)),
    )
    return _finding("vital-signs", patient, encounter, at, chance) | {
        "code": _coded(words.LOINC, "85354-9", "Blood pressure panel"),
        "component": [
            {
                "code": _coded(words.LOINC, code, display),
                "valueQuantity": _quantity(Decimal(value), "mm[Hg]"),
            }
            for code, display, value in parts
        ],
    }


def _finding(
    category: str, patient: Resource, encounter: Resource, at: datetime, chance: random.Random
) -> Resource:
    return {
        "resourceType": "Observation",
        "id": _id(chance),
        "status": "final",
        "category": [{"coding": [{"system": words.CATEGORY, "code": category}]}],
        "subject": _to(patient),
        "encounter": _to(encounter),
        "effectiveDateTime": _instant(at),
    }


def _quantity(value: Decimal, unit: str) -> Resource:
    return {"value": value, "unit": unit, "system": words.UCUM, "code": unit}
