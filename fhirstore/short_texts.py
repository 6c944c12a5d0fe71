"""What was made of a text lately, remembered where the text is short.

`lru_cache` bounds how many texts it keeps, not how long they are: fifty thousand of a megabyte each are a caller's to send.
What is worth remembering (codes, dates, references, names) is short, so longer texts are worked out each time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

# Twenty thousand of these are some megabytes.
LONGEST = 200

Text = TypeVar("Text", str, bytes)
Made = TypeVar("Made")


def for_short_texts(most: int) -> Callable[[Callable[[Text], Made]], Callable[[Text], Made]]:
    """Decorates a function of one text: the last `most` answers are remembered, those about long texts are not."""

    def decorate(function: Callable[[Text], Made]) -> Callable[[Text], Made]:
        remembered = lru_cache(most)(function)

        @wraps(function)
        def of(text: Text) -> Made:
            return remembered(text) if len(text) <= LONGEST else function(text)

        return of

    return decorate


def for_short_pairs(
    most: int,
) -> Callable[[Callable[[str, str], Made]], Callable[[str, str], Made]]:
    """The same for a function of two texts. (One for any number of them would cost twice as much as the look-up itself.)"""

    def decorate(function: Callable[[str, str], Made]) -> Callable[[str, str], Made]:
        remembered = lru_cache(most)(function)

        @wraps(function)
        def of(one: str, other: str) -> Made:
            if len(one) + len(other) <= LONGEST:
                return remembered(one, other)
            return function(one, other)

        return of

    return decorate
