"""What a projection may be asked to do or to leave out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, Literal


class _Unsaid(Enum):
    BASE = "unsaid"


# No base was said, which is not to say that there is none.
UNSAID: Final = _Unsaid.BASE


@dataclass(frozen=True, slots=True)
class Options:
    """How resources are written. For reading only `base` matters, against which relative IRIs are resolved, and `choice_types`.

    `base` is the address below which the resources stand (`https://clinic.example/fhir`): a resource with an id is then
    the node `<base/Type/id>`, else a blank one, and relative references lead to nodes below it. With None there is no
    base; if it is not said, a store puts in its own, and a projection has none. `concepts` says the class of a Coding of
    SNOMED CT, LOINC or MeSH, `links` where references and canonicals lead (`fhir:link`), `header` that an R4 graph is an
    ontology. `choice_types` are the types of `[x]` for graphs that do not say them (R5 as first published), by the URL of
    an extension or the name of an element (`fixed`); those of HL7's own extensions are known. R5 is written in the newest
    of its forms alone.
    """

    base: str | Literal[_Unsaid.BASE] | None = UNSAID
    concepts: bool = True
    links: bool = True
    header: bool = True
    choice_types: Mapping[str, str] = field(default_factory=dict, hash=False)

    def below(self, base: str | None) -> Options:
        """With this base, unless one was said."""
        return replace(self, base=base) if self.base is UNSAID else self

    @property
    def said_base(self) -> str | None:
        return None if self.base is UNSAID else self.base
