"""What a projection may be asked to do or to leave out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Options:
    """How resources are written. For reading only `base` matters, against which relative IRIs are resolved, and `choice_types`.

    `base` is the address below which the resources stand (`https://clinic.example/fhir`): a resource with an id is then
    the node `<base/Type/id>`, else a blank one, and relative references lead to nodes below it. `concepts` says the
    class of a Coding of SNOMED CT, LOINC or MeSH, `links` where references and canonicals lead (`fhir:link`),
    `header` that an R4 graph is an ontology. `choice_types` are the types of `[x]` for graphs that do not say them (R5 as first
    published), by the URL of an extension or the name of an element (`fixed`); those of HL7's own extensions are known.
    """

    base: str | None = None
    concepts: bool = True
    links: bool = True
    header: bool = True
    choice_types: Mapping[str, str] = field(default_factory=dict, hash=False)
