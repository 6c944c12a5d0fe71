"""Invented patients to try the store with: `fhirstore sample`, `make demo` and the benchmarks.

Same seed, same bytes. Nobody in it exists.
"""

from fhirstore.sample.bundles import patient_bundle, places_bundle, sample_bundles

__all__ = ["patient_bundle", "places_bundle", "sample_bundles"]
