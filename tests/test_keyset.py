"""Page tokens: they come back as what they were issued for, and nothing else is taken for one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirstore.errors import InvalidPageToken
from fhirstore.search import keyset

SECRET = b"s" * 32
instants = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(
    lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000, tzinfo=UTC)
)
values = st.lists(
    st.none()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.integers(-(2**53), 2**53)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | instants
)


@given(values)
def test_a_token_says_what_it_was_issued_for(said: list[Any]) -> None:
    token = keyset.issue(said, "query", SECRET)
    assert keyset.redeem(token, "query", SECRET) == said
    assert all(c.isalnum() or c in "-_" for c in token), "it must pass through a URL as it is"


@given(values, st.integers(0, 10_000), st.integers(1, 255))
def test_any_change_is_refused(said: list[Any], place: int, change: int) -> None:
    token = keyset.issue(said, "query", SECRET)
    at = place % len(token)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = alphabet[(alphabet.index(token[at]) + change) % len(alphabet)]
    changed = token[:at] + other + token[at + 1 :]
    try:
        redeemed = keyset.redeem(changed, "query", SECRET)
    except InvalidPageToken:
        return
    assert redeemed == said, "only the unused bits of the last character may differ"


@pytest.mark.parametrize("token", ["", "x", "é", "=", "AAAA", "A" * 5000, "../..", "\0", "a b"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidPageToken):
        keyset.redeem(token, "query", SECRET)


@pytest.mark.parametrize(("bound_to", "secret"), [("another query", SECRET), ("query", b"t" * 32)])
def test_a_token_is_of_one_query_and_one_database(bound_to: str, secret: bytes) -> None:
    issued = keyset.issue([Decimal("1.50"), datetime.now(UTC) - timedelta(days=1)], "query", SECRET)
    with pytest.raises(InvalidPageToken):
        keyset.redeem(issued, bound_to, secret)
