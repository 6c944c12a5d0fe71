"""Where the declared files are: those that operators read and change, beside the code and not inside it.

`indexes/` and `migrations/` stand at the top level of a checkout. A wheel carries them under `fhirstore/_shipped/`,
since a wheel can put files only below its package.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).parent


def directory(name: Literal["indexes", "migrations"]) -> Path:
    """The directory of the shipped files called `name`. Raises FileNotFoundError if this copy lacks it."""
    for place in (_PACKAGE / "_shipped" / name, _PACKAGE.parent / name):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"this copy of fhirstore came without its {name!r} directory")
