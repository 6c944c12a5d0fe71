"""Where a service lives: what a deployment says of it, in one form."""

from __future__ import annotations

import pytest

from fhirstore.rest.settings import RestSettings

PATHS = [
    ("/fhir", "/fhir"),
    ("fhir", "/fhir"),
    ("/fhir/", "/fhir"),
    ("a/b/", "/a/b"),
    ("/", ""),
    ("", ""),
]
URLS = [
    ("https://ex.org/fhir", "https://ex.org/fhir"),
    ("https://ex.org/fhir/", "https://ex.org/fhir"),
    ("http://ex.org:8080/", "http://ex.org:8080"),
    ("HTTPS://[::1]:8080/r4", "https://[::1]:8080/r4"),
]


@pytest.mark.parametrize(("given", "path"), PATHS)
def test_a_base_path(given: str, path: str) -> None:
    assert RestSettings(base_path=given).base_path == path


@pytest.mark.parametrize("given", ["/a b", "/a?b", "/a#b", "/a//b", "/a/../b", "/.", "http://ex.org/fhir"])  # fmt: skip
def test_what_is_no_base_path(given: str) -> None:
    with pytest.raises(ValueError, match="is not a base path"):
        RestSettings(base_path=given)


@pytest.mark.parametrize(("given", "url"), URLS)
def test_a_base_url(given: str, url: str) -> None:
    assert RestSettings(base_url=given).base_url == url


@pytest.mark.parametrize(
    "given",
    [
        "", "ex.org", "ex.org/fhir", "/fhir", "ftp://ex.org", "https://", "https:///fhir", "https://ex.org/fhir?a=b",
        "https://ex.org/fhir#a", "https://a@ex.org", "https://ex.org/a b", "https://ex.org/../a", "https://ex.org\n",
    ],
)  # fmt: skip
def test_what_is_no_base_url(given: str) -> None:
    with pytest.raises(ValueError, match="is not a base URL"):
        RestSettings(base_url=given)
