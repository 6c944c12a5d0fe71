"""The names, codes and ranges that invented patients are made of."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"

FAMILY_NAMES = (
    *("Abel", "Brandt", "Castillo", "Dubois", "Eriksen", "Fischer", "García", "Haas", "Ibrahim"),
    *("Jansen", "Kowalska", "Lindström", "Müller", "Novák", "O'Brien", "Petrov", "Quinn"),
    *("Rossi", "Schäfer", "Tanaka", "Ueda", "van Dijk", "Weiß", "Xu", "Yılmaz", "Zhang"),
)
GIVEN_NAMES = {
    "female": ("Anna", "Chloé", "Elif", "Fatima", "Greta", "Ines", "Mei", "Olga", "Sofía", "Zoë"),
    "male": ("Adam", "Björn", "Carlos", "David", "Émile", "Hiro", "Jan", "Lukas", "Omar", "Piotr"),
}
CITIES = (
    ("Basel", "4051", "CH"),
    ("Freiburg", "79098", "DE"),
    ("Köln", "50667", "DE"),
    ("Lyon", "69001", "FR"),
    ("Málaga", "29015", "ES"),
    ("Utrecht", "3511", "NL"),
)
STREETS = ("Bahnhofstrasse", "Church Lane", "Gartenweg", "Rue de la Paix", "Stationsplein")


@dataclass(frozen=True, slots=True)
class Measurement:
    """What an Observation measures: its LOINC code, the range of its values and the digits they are given with."""

    code: str
    display: str
    category: str
    unit: str
    low: Decimal
    high: Decimal
    step: Decimal


def _measurement(line: str) -> Measurement:
    code, display, category, unit, low, high, step = line.split(";")
    return Measurement(code, display, category, unit, Decimal(low), Decimal(high), Decimal(step))


MEASUREMENTS = tuple(
    _measurement(line)
    for line in (
        "29463-7;Body weight;vital-signs;kg;48;118;0.1",
        "8302-2;Body height;vital-signs;cm;148;199;0.5",
        "8867-4;Heart rate;vital-signs;/min;52;104;1",
        "8310-5;Body temperature;vital-signs;Cel;36.1;38.9;0.1",
        "2339-0;Glucose [Mass/volume] in Blood;laboratory;mg/dL;62;210;1",
        "4548-4;Hemoglobin A1c/Hemoglobin.total in Blood;laboratory;%;4.20;9.90;0.05",
        "2160-0;Creatinine [Mass/volume] in Serum or Plasma;laboratory;mg/dL;0.50;1.90;0.01",
        "718-7;Hemoglobin [Mass/volume] in Blood;laboratory;g/dL;10.2;17.4;0.1",
        "6690-2;Leukocytes [#/volume] in Blood;laboratory;10*3/uL;3.4;12.8;0.1",
    )
)
CONDITIONS = (
    ("38341003", "Hypertensive disorder"),
    ("44054006", "Diabetes mellitus type 2"),
    ("195967001", "Asthma"),
    ("55822004", "Hyperlipidemia"),
    ("35489007", "Depressive disorder"),
)
MEDICATIONS = (
    ("314076", "lisinopril 10 MG Oral Tablet"),
    ("860975", "metformin hydrochloride 500 MG Oral Tablet"),
    ("617318", "atorvastatin 20 MG Oral Tablet"),
    ("745679", "albuterol 0.09 MG/ACTUAT Metered Dose Inhaler"),
)
