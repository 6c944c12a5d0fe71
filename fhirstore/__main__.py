"""`python -m fhirstore`: the command line."""

from fhirstore.cli import main

main()
