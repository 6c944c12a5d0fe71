"""`Store` and `AsyncStore` are one interface twice: same methods, parameters and docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from fhirstore import AsyncStore, Store

# What each says of its own kind of client.
OWN_WORDS = {"from_client"}


def methods(cls: type) -> dict[str, Callable[..., Any]]:
    return {
        name: inspect.unwrap(getattr(cls, name))
        for name in vars(cls)
        if not name.startswith("_") and callable(getattr(cls, name))
    }


def test_both_have_the_same_methods() -> None:
    assert methods(Store).keys() == methods(AsyncStore).keys()
    assert "search" in methods(Store)


@pytest.mark.parametrize("name", methods(AsyncStore))
def test_a_method_is_the_same_in_both(name: str) -> None:
    blocking, awaited = methods(Store)[name], methods(AsyncStore)[name]
    parameters = [inspect.signature(method).parameters.values() for method in (blocking, awaited)]
    mine, theirs = ([(p.name, p.kind, p.default) for p in found] for found in parameters)
    assert mine == theirs
    assert awaited.__doc__
    if name not in OWN_WORDS:
        assert blocking.__doc__ == awaited.__doc__


def test_the_classes_say_the_same() -> None:
    assert Store.__doc__ == AsyncStore.__doc__
