"""The part of FHIRPath that search parameters are written in, compiled to plain walks over JSON.

An expression and the element tables together give **branches**: paths of JSON properties, with the conditions on the
way and the FHIR type at the end. Choices, casts and `resolve() is T` are decided while compiling; what is left per
resource is a walk over properties that are there. All 1,375 parameters of R4 compile; `fhirpathpy` is the oracle in the
tests.
"""

from __future__ import annotations

from fhirstore.fhirpath.branches import Branch, Step, Truth, branches
from fhirstore.fhirpath.parse import NotSupported, parse

__all__ = ["Branch", "NotSupported", "Step", "Truth", "branches", "parse"]
