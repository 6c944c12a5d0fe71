"""Invented resources that say what real ones seldom do: open and reversed periods, Timings, Ranges, units of all kinds,
codes without systems, text with accents and marks, references of every form.
"""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

from tests.naive_search import span

UCUM = "http://unitsofmeasure.org"
BASE = "http://base.test/fhir"

_DATES = [
    "2019", "2020", "2020-02", "2020-02-29", "2020-03-01", "2019-12-31", "2020-01-01", "2020-02-29T23:30:00Z",
    "2020-02-29T23:30:00-01:00", "2020-03-01T00:00:00Z", "2020-03-01T01:30:00+02:00", "2020-03-01T00:00:00.000Z",
    "2020-02-29T23:59:59.999Z", "2020-02-29T23:59:59.5Z", "2020-02-29T23:59:59.1239Z", "1900-01-01", "2050",
]  # fmt: skip
_NUMBERS = [
    "0", "0.0", "1", "1.0", "5", "5.4", "5.40", "5.35", "5.45", "5.449", "10", "20", "99.5", "100", "100.0", "100.5", "-5",
    "-5.5", "1e2", "0.001", "37", "37.0", "98.6", "1000", "5400", "12345678901234567890.5",
]  # fmt: skip
_UNITS = [
    (UCUM, "g", "g"), (UCUM, "mg", "Milligramm"), (UCUM, "kg", None), (UCUM, "Cel", "°C"), (UCUM, "[degF]", None),
    (UCUM, "cm", "cm"), (UCUM, "m", None), (UCUM, "%", "%"), (UCUM, "{score}", "score"), (UCUM, "/min", "beats"),
    (UCUM, "mmol/L", None), (UCUM, "10*9/L", None), (UCUM, "d", "days"), (UCUM, "wk", "weeks"), (UCUM, "puffs", "puffs"),
    (UCUM, None, "g"), (None, None, "Stück"), (None, None, None), ("urn:units", "g", "g"), (None, "g", "g"),
]  # fmt: skip
_CODES = [
    ("urn:a", "x"), ("urn:a", "X"), ("urn:a", "y"), ("urn:b", "x"), (None, "x"), (None, "z"), ("urn:a", None), ("urn:a|b", "x|y"),
    ("urn:c", "a,b"), ("urn:c", "a$b"), ("urn:c", "a\\b"), ("urn:c", "two words"),
]  # fmt: skip
_TEXTS = [
    "Müller-Lüdenscheidt", "muller", "MULLER", "O'Neil", "O’Neil", "Straße, lang", "STRASSE", "Zoë", "Zoe\u0308", "a  b\tc",
    "A.B.", "İstanbul", "ﬁx", "x|y", "a$b", "a\\b", "Ærø", "İ", "日本", "Σίσυφος", "ΣΊΣΥΦΟΣ", "van der Berg", "100 %", "Jr.",
    "d'Été", "R&D", "C++", "½",
]  # fmt: skip
_URIS = [
    "http://example.org/vs", "http://example.org/vs/", "http://example.org/vs/a", "http://example.org/vs/a/b",
    "http://EXAMPLE.org/vs", "http://example.org/vsx", "urn:oid:1.2.3", "urn:oid:1.2.3.4", "Extension", "http://example.org/vs|1",
]  # fmt: skip


class Maker:
    """Invents resources, the same ones for the same seed."""

    def __init__(self, chance: Random, most: int) -> None:
        self.chance = chance
        self.most = most

    def all(self) -> list[Any]:
        makers = [
            self._patient, self._observation, self._risk, self._condition, self._value_set, self._plan, self._group,
            self._sequence, self._invoice, self._organization, self._encounter, self._location,
        ]  # fmt: skip
        return [
            {k: v for k, v in make(n).items() if v is not None}
            | {"id": f"{n}", "meta": self._meta()}
            for make in makers
            for n in range(self.most)
        ]

    # parts

    def _maybe(self, value: Any) -> Any:
        return value if self.chance.random() < 0.7 else None

    def _list(self, make: Any) -> Any:
        return (
            [make() for _ in range(self.chance.choice((1, 1, 2, 3)))]
            if self.chance.random() < 0.8
            else None
        )

    def _said(self, **parts: Any) -> dict[str, Any]:
        return {name: value for name, value in parts.items() if value is not None}

    def _date(self) -> str:
        return self.chance.choice(_DATES)

    def _day(self) -> str:
        return self.chance.choice([date for date in _DATES if "T" not in date])

    def _number(self) -> Decimal:
        return Decimal(self.chance.choice(_NUMBERS))

    def _text(self) -> str:
        return self.chance.choice(_TEXTS)

    def _plain(self) -> str:
        """Text whose letters have one other case only: `:text` goes by that (docs/search.md)."""
        return self.chance.choice([text for text in _TEXTS if not set("İßﬁ") & set(text)])

    def _period(self) -> Any:
        # A start after its end would be no period at all.
        start, end = sorted((self._date(), self._date()), key=span)
        if span(start)[1] > span(end)[1]:  # type: ignore[index]
            end = start
        made = self._said(start=self._maybe(start), end=self._maybe(end))
        return made or {"start": "2020"}

    def _timing(self) -> Any:
        made = self._said(event=self._list(self._date))
        return made | (
            {"repeat": {"boundsPeriod": self._period()}} if self.chance.random() < 0.4 else {}
        )

    def _coding(self) -> Any:
        system, code = self.chance.choice(_CODES)
        return self._said(system=system, code=code, display=self._maybe(self._plain()))

    def _concept(self) -> Any:
        return self._said(coding=self._list(self._coding), text=self._maybe(self._plain()))

    def _quantity(self) -> Any:
        system, code, unit = self.chance.choice(_UNITS)
        return self._said(value=self._number(), system=system, code=code, unit=unit)

    def _range(self) -> Any:
        ends = sorted((self._number(), self._number()))
        system, code, unit = self.chance.choice(_UNITS)
        low, high = (self._said(value=end, system=system, code=code, unit=unit) for end in ends)
        return self._said(low=self._maybe(low), high=self._maybe(high))

    def _identifier(self) -> Any:
        system, value = self.chance.choice(_CODES)
        return self._said(system=system, value=value, type=self._maybe(self._concept()))

    def _reference(self, *types: str) -> Any:
        target = f"{self.chance.choice(types)}/{self.chance.randrange(self.most + 2)}"
        form = self.chance.choice(
            (target, target, target, f"{BASE}/{target}", f"http://other.test/{target}", f"{target}/_history/2", "#in",
             "urn:uuid:6d2d0c6e-1f4e-4a52-8c2c-2b2f5d7a0001", None)
        )  # fmt: skip
        identifier = self._identifier() if form is None or self.chance.random() < 0.2 else None
        return self._said(reference=form, identifier=identifier)

    def _meta(self) -> Any:
        return self._said(
            tag=self._maybe([self._coding()]),
            security=self._maybe([self._coding()]),
            source=self._maybe(self.chance.choice(_URIS)),
            profile=self._maybe([self.chance.choice(_URIS)]),
        )

    # resources

    def _patient(self, n: int) -> Any:
        chance = self.chance
        deceased = chance.choice(
            ({}, {"deceasedBoolean": True}, {"deceasedBoolean": False}, {"deceasedDateTime": self._date()})
        )  # fmt: skip
        return {
            "resourceType": "Patient",
            "name": self._list(self._name),
            "address": self._list(self._address),
            "birthDate": self._maybe(self._day()),
            "gender": self._maybe(chance.choice(("male", "female", "other"))),
            "active": self._maybe(chance.choice((True, False))),
            "identifier": self._list(self._identifier),
            "telecom": self._list(self._contact),
            "managingOrganization": self._maybe(self._reference("Organization")),
            "generalPractitioner": self._list(
                lambda: self._reference("Organization", "Practitioner")
            ),
            **deceased,
        }

    def _name(self) -> Any:
        return self._said(
            text=self._maybe(self._text()),
            family=self._maybe(self._text()),
            given=self._list(self._text),
            use="usual",
        )

    def _address(self) -> Any:
        return self._said(
            line=self._list(self._text),
            city=self._maybe(self._text()),
            country=self._maybe("CH"),
            use="home",
        )

    def _contact(self) -> Any:
        value = self.chance.choice(("+41 79 1", "Anna@Example.org", "anna@example.org"))
        return self._said(system=self._maybe(self.chance.choice(("phone", "email"))), value=value)

    def _observation(self, n: int) -> Any:
        chance = self.chance
        effective = chance.choice(
            ({"effectiveDateTime": self._date()}, {"effectivePeriod": self._period()}, {"effectiveTiming": self._timing()},
             {"effectiveInstant": chance.choice([d for d in _DATES if "Z" in d])}, {})
        )  # fmt: skip
        return {
            "resourceType": "Observation",
            "status": chance.choice(("final", "amended", "registered")),
            "code": self._concept(),
            "category": self._list(self._concept),
            "subject": self._maybe(self._reference("Patient", "Patient", "Group", "Location")),
            "encounter": self._maybe(self._reference("Encounter")),
            "component": self._list(lambda: {"code": self._concept(), **self._value()}),
            **effective,
            **self._value(),
        }

    def _value(self) -> Any:
        return self.chance.choice(
            ({"valueQuantity": self._quantity()}, {"valueQuantity": self._quantity()}, {"valueString": self._text()},
             {"valueCodeableConcept": self._concept()}, {"valuePeriod": self._period()}, {"valueDateTime": self._date()}, {})
        )  # fmt: skip

    def _risk(self, n: int) -> Any:
        def prediction() -> Any:
            if self.chance.random() < 0.5:
                return {"probabilityDecimal": self._number()}
            return {"probabilityRange": self._range()}

        return {
            "resourceType": "RiskAssessment",
            "status": "final",
            "subject": self._reference("Patient"),
            "prediction": self._list(prediction),
        }

    def _condition(self, n: int) -> Any:
        onset = self.chance.choice(
            ({"onsetAge": self._quantity()}, {"onsetRange": self._range()}, {"onsetPeriod": self._period()},
             {"onsetDateTime": self._date()}, {"onsetString": self._text()})
        )  # fmt: skip
        return {
            "resourceType": "Condition",
            "subject": self._reference("Patient"),
            "code": self._concept(),
            **onset,
        }

    def _value_set(self, n: int) -> Any:
        def context() -> Any:
            value = self.chance.choice(
                ({"valueCodeableConcept": self._concept()}, {"valueQuantity": self._quantity()}, {"valueRange": self._range()},
                 {"valueReference": self._reference("Group")})
            )  # fmt: skip
            return {"code": self._coding(), **value}

        return {
            "resourceType": "ValueSet",
            "status": self.chance.choice(("draft", "active")),
            "url": self._maybe(self.chance.choice(_URIS)),
            "version": self._maybe(self._text()),
            "title": self._maybe(self._text()),
            "date": self._maybe(self._date()),
            "useContext": self._list(context),
        }

    def _plan(self, n: int) -> Any:
        uris = [uri for uri in _URIS if uri.startswith("http")] + [
            "http://example.org/vs|2",
            "urn:oid:1.2.3|1",
        ]
        return {
            "resourceType": "PlanDefinition",
            "status": "draft",
            "library": self._list(lambda: self.chance.choice(uris)),
            "effectivePeriod": self._maybe(self._period()),
        }

    def _group(self, n: int) -> Any:
        def characteristic() -> Any:
            value = self.chance.choice(
                (
                    {"valueCodeableConcept": self._concept()},
                    {"valueBoolean": True},
                    {"valueBoolean": False},
                )
            )
            return {"code": self._concept(), **value, "exclude": self.chance.choice((True, False))}

        return {
            "resourceType": "Group",
            "type": "person",
            "actual": True,
            "characteristic": self._list(characteristic),
            "member": self._list(lambda: {"entity": self._reference("Patient")}),
        }

    def _sequence(self, n: int) -> Any:
        chance = self.chance

        def variant() -> Any:
            return {"start": chance.randrange(5), "end": chance.randrange(5, 10)}

        return {
            "resourceType": "MolecularSequence",
            "coordinateSystem": 0,
            "referenceSeq": {
                "chromosome": self._concept(),
                "windowStart": chance.randrange(5),
                "windowEnd": chance.randrange(5, 105),
            },
            "variant": self._list(variant),
        }

    def _invoice(self, n: int) -> Any:
        return {
            "resourceType": "Invoice",
            "status": "draft",
            "totalGross": self._said(
                value=self._number(), currency=self._maybe(self.chance.choice(("CHF", "EUR")))
            ),
            "totalNet": self._maybe({"value": self._number()}),
        }

    def _organization(self, n: int) -> Any:
        return {
            "resourceType": "Organization",
            "name": self._maybe(self._text()),
            "alias": self._list(self._text),
            "partOf": self._maybe(self._reference("Organization")),
        }

    def _encounter(self, n: int) -> Any:
        return {
            "resourceType": "Encounter",
            "status": "finished",
            "class": self._coding(),
            "period": self._maybe(self._period()),
            "subject": self._maybe(self._reference("Patient")),
            "length": self._maybe(self._quantity()),
            "partOf": self._maybe(self._reference("Encounter")),
        }

    def _location(self, n: int) -> Any:
        place = {
            "longitude": Decimal(self.chance.randrange(-1800, 1800)) / 10,
            "latitude": Decimal(self.chance.randrange(-900, 900)) / 10,
        }
        return {
            "resourceType": "Location",
            "name": self._maybe(self._text()),
            "position": self._maybe(place),
        }
