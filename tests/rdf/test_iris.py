"""IRIs that strict parsers take, and what relative ones mean."""

from __future__ import annotations

import pyoxigraph
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirstore.rdf.iris import absolute, resolve


def is_strict(iri: str) -> bool:
    try:
        list(pyoxigraph.parse(f"<{iri}> <x:y> <x:z> .", format=pyoxigraph.RdfFormat.N_TRIPLES))
    except SyntaxError:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "iri"),
    [
        ("http://x.org/a", "http://x.org/a"),
        ("https://x.org:80/a/b?c=d&e#f/g", "https://x.org:80/a/b?c=d&e#f/g"),
        ("urn:oid:1.2.3", "urn:oid:1.2.3"),
        ("urn:uuid:c757873d-ec9a-4326-a141-556f43239520",) * 2,
        ("mailto:a@b", "mailto:a@b"),
        ("http://é.org/ü?漢#🙂", "http://é.org/ü?漢#🙂"),
        (
            "http://x.org/\ue000?\ue000\U000f0000#\ue000",
            "http://x.org/%EE%80%80?\ue000\U000f0000#%EE%80%80",
        ),
        ("http://x.org/a|1.0", "http://x.org/a%7C1.0"),
        ("http://x.org/a b\tc\n", "http://x.org/a%20b%09c%0A"),
        ('http://x.org/<>"{}|\\^`', "http://x.org/%3C%3E%22%7B%7D%7C%5C%5E%60"),
        ("http://x.org/a[0]", "http://x.org/a%5B0%5D"),
        ("http://x.org/%41%4", "http://x.org/%41%254"),
        ("http://x.org/a#b#c", "http://x.org/a#b%23c"),
        ("http://a b@x.org/", "http://a%20b@x.org/"),
        ("http://[::1]:80/a", "http://[::1]:80/a"),
        ("http://x.org/\ue000\ufdd0", "http://x.org/%EE%80%80%EF%B7%90"),
        ("", None),
        ("a", None),
        ("a/b", None),
        ("#a", None),
        ("/a", None),
        ("//x.org/a", None),
        ("1a:b", None),
        ("a b:c", None),
        ("http://x.org:port/", None),
        ("http://[::1/a", None),
        ("http://[x]/a", None),
        ("http://a:1:2/", None),
        ("http://a@b@c/", None),
    ],
)
def test_absolute(text: str, iri: str | None) -> None:
    assert absolute(text) == iri
    if iri is not None:
        assert is_strict(iri)


_PARTS = ["http://", "urn:", "a", "é", "[", "]", "::1", "%", "%4", "%41", "|", " ", "#", "?", "/", "//", ":", "@", "80", "x.org",
          "\\", "{", "\x00", "\ue000", "\ufffe", "\U000e0001", "."]  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(_PARTS) | st.text(max_size=2), max_size=8).map("".join))
def test_any_text_is_a_strict_iri_or_none(text: str) -> None:
    iri = absolute(text)
    if iri is None:
        assert not is_strict(text)
    else:
        assert is_strict(iri), iri
        assert absolute(iri) == iri
        assert iri == text or not is_strict(text)


# RFC 3986, 5.4
RESOLVED = {
    "g:h": "g:h",
    "g": "http://a/b/c/g",
    "./g": "http://a/b/c/g",
    "g/": "http://a/b/c/g/",
    "/g": "http://a/g",
    "//g": "http://g",
    "?y": "http://a/b/c/d;p?y",
    "g?y": "http://a/b/c/g?y",
    "#s": "http://a/b/c/d;p?q#s",
    "g#s": "http://a/b/c/g#s",
    "g?y#s": "http://a/b/c/g?y#s",
    ";x": "http://a/b/c/;x",
    "g;x?y#s": "http://a/b/c/g;x?y#s",
    "": "http://a/b/c/d;p?q",
    ".": "http://a/b/c/",
    "./": "http://a/b/c/",
    "..": "http://a/b/",
    "../": "http://a/b/",
    "../g": "http://a/b/g",
    "../..": "http://a/",
    "../../g": "http://a/g",
    "../../../g": "http://a/g",
    "/./g": "http://a/g",
    "/../g": "http://a/g",
    "g.": "http://a/b/c/g.",
    "..g": "http://a/b/c/..g",
    "./../g": "http://a/b/g",
    "./g/.": "http://a/b/c/g/",
    "g/./h": "http://a/b/c/g/h",
    "g/../h": "http://a/b/c/h",
    "g;x=1/../y": "http://a/b/c/y",
    "g?y/../x": "http://a/b/c/g?y/../x",
    "g#s/../x": "http://a/b/c/g#s/../x",
}


@pytest.mark.parametrize(("reference", "iri"), RESOLVED.items())
def test_resolve(reference: str, iri: str) -> None:
    assert resolve("http://a/b/c/d;p?q", reference) == iri


def test_resolve_below_a_base_without_a_path() -> None:
    assert resolve("http://a", "g") == "http://a/g"
    assert resolve("urn:a:b", "#c") == "urn:a:b#c"
