"""The definitions of a FHIR release, as compact tables, loaded when first asked for."""
