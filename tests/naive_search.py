"""What a search finds, said once more and naively: in memory, straight from the search page, for tests to compare with.

Nothing here comes from the store's own search: neither the reading of queries nor dates, units, folding of text or the
filters. Shared are the parameter tables and the paths to the elements (`tests.walker`), which tests of their own hold
against fhirpathpy. Where the page leaves a choice to servers, `docs/search.md` says what the store does; such places
are marked here with "choice".
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from fhirstore.definitions import SearchParameter, definitions
from fhirstore.fhirpath import Branch, Truth, branches, parse
from tests.walker import walk

R4 = definitions("4.0")
UCUM = "http://unitsofmeasure.org"
CURRENCIES = "urn:iso:std:iso:4217"
SPECIAL_VALUES = "http://hl7.org/fhir/special-values"

Resource = dict[str, Any]
Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Found:
    """An element that a parameter leads to, its FHIR type, the value set its binding requires, and the one type of
    resource to which it has to lead.
    """

    value: Any
    type: str
    binding: str | None = None
    only: str | None = None


# Text


def parts(text: str, separator: str) -> list[str]:
    """`text` cut at each separator that no backslash escapes; the escapes stay."""
    return re.findall(
        rf"(?:^|{re.escape(separator)})((?:\\.|[^\\{re.escape(separator)}])*)", text, re.DOTALL
    )


def unescaped(text: str) -> str:
    return re.sub(r"\\([\\|,$])", r"\1", text)


@cache
def unaccented(text: str) -> str:
    """What `:text` compares: without case and accents (choice: punctuation counts)."""
    apart = unicodedata.normalize("NFD", text.casefold())
    return "".join(c for c in apart if not unicodedata.combining(c))


def folded(text: str) -> str:
    """Without case, combining marks and punctuation, white space collapsed (spec page search, string)."""
    text = unicodedata.normalize("NFKD", text)
    text = unicodedata.normalize("NFKD", text.casefold())
    # choice: a hyphen parts words, other punctuation just goes
    text = "".join(" " if unicodedata.category(c) == "Pd" else c for c in text)
    text = "".join(c for c in text if unicodedata.category(c)[0] not in "MP")
    return " ".join(unicodedata.normalize("NFC", text).split())


# Numbers and units


def interval(text: str) -> tuple[Fraction, Fraction, Fraction]:
    """The number, and the half-open range that its digits imply: half a unit of the last digit to each side."""
    number = Decimal(text)
    if re.fullmatch(r"[-+]?\d+[eE].*", text):
        # The page has 1e2 as [95, 105): as if it were 1.0e2.
        number = Decimal(re.sub("[eE]", ".0e", text))
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    half = Fraction(10) ** exponent / 2
    exact = Fraction(number)
    return exact - half, exact, exact + half


_PREFIXES = {
    "": 0, "k": 3, "h": 2, "da": 1, "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "M": 6, "G": 9,
}  # fmt: skip
# Unit to its factor and its dimension, in metre, gram and second; only those that occur in the samples.
_METRIC: dict[str, tuple[Fraction, dict[str, int]]] = {
    "m": (Fraction(1), {"m": 1}),
    "g": (Fraction(1), {"g": 1}),
    "s": (Fraction(1), {"s": 1}),
    "K": (Fraction(1), {"K": 1}),
    "L": (Fraction(1, 1000), {"m": 3}),
    "l": (Fraction(1, 1000), {"m": 3}),
    # choice: an amount of substance is no count of cells, though UCUM takes the mole for a number
    "mol": (Fraction(1), {"mol": 1}),
    "eq": (Fraction(1), {"mol": 1}),
    "U": (Fraction(1, 60 * 10**6), {"mol": 1, "s": -1}),
    "Hz": (Fraction(1), {"s": -1}),
    "Pa": (Fraction(1000), {"g": 1, "m": -1, "s": -2}),
    "cal": (Fraction(4184), {"g": 1, "m": 2, "s": -2}),
    "m[Hg]": (Fraction(133322000), {"g": 1, "m": -1, "s": -2}),
    "[IU]": (Fraction(1), {"[iU]": 1}),
    "[iU]": (Fraction(1), {"[iU]": 1}),
}
_FIXED: dict[str, tuple[Fraction, dict[str, int]]] = {
    "%": (Fraction(1, 100), {}),
    "[ppm]": (Fraction(1, 10**6), {}),
    "min": (Fraction(60), {"s": 1}),
    "h": (Fraction(3600), {"s": 1}),
    "d": (Fraction(86400), {"s": 1}),
    "wk": (Fraction(604800), {"s": 1}),
    "a": (Fraction(31557600), {"s": 1}),
    "mo": (Fraction(31557600, 12), {"s": 1}),
    "[mi_us]": (Fraction(5280 * 1200, 3937), {"m": 1}),
    "[in_i]": (Fraction(254, 10000), {"m": 1}),
    "[lb_av]": (Fraction(45359237, 100000), {"g": 1}),
    "[foz_us]": (Fraction(231 * 16387064, 128 * 10**12), {"m": 3}),
    "deg": (Fraction("3.1415926535897932384626433832795028841971693993751058209749445923") * 2 / 360, {}),
}  # fmt: skip
# What is not proportional: offset to kelvin, and degrees for one.
_TEMPERATURES = {
    "Cel": (Fraction("273.15"), Fraction(1)),
    "[degF]": (Fraction("273.15") - Fraction(160, 9), Fraction(5, 9)),
}

Unit = tuple[Fraction, Fraction, frozenset[tuple[str, int]]]


@cache
def unit(code: str) -> Unit | None:
    """Offset, factor and dimension of a UCUM unit; None for what is none, or not in the small table here."""
    if code in _TEMPERATURES:
        offset, factor = _TEMPERATURES[code]
        return offset, factor, frozenset({("K", 1)})
    bare = re.sub(r"\{[^{}]*\}", "\0", code)
    factor, dimension, sign = Fraction(1), dict[str, int](), 1
    for operator, atom in re.findall(r"(^|[./])([^./]*)", bare):
        sign = -1 if operator == "/" else 1
        atom = atom.replace("\0", "") if atom.strip("\0") else atom and "1"
        if not atom:
            if operator == "":  # "/min"
                continue
            return None
        found = _atom(atom)
        if found is None:
            return None
        factor *= found[0] ** sign
        for name, power in found[1].items():
            dimension[name] = dimension.get(name, 0) + power * sign
    return Fraction(0), factor, frozenset((n, p) for n, p in dimension.items() if p)


def _atom(text: str) -> tuple[Fraction, dict[str, int]] | None:
    if text.isdigit():
        return Fraction(int(text)), {}
    if ten := re.fullmatch(r"10[*^](-?\d+)", text):
        return Fraction(10) ** int(ten[1]), {}
    name, power = re.fullmatch(r"(.+?)(-?\d*)", text).groups()  # type: ignore[union-attr]
    exponent = int(power or 1)
    for prefix, ten_to in _PREFIXES.items():
        rest = name.removeprefix(prefix)
        if not name.startswith(prefix):
            continue
        known = _FIXED.get(rest) if prefix == "" else None
        known = known or _METRIC.get(rest)
        if known:
            factor = (known[0] * Fraction(10) ** ten_to) ** exponent
            return factor, {n: p * exponent for n, p in known[1].items()}
    return None


# Dates

Span = tuple[datetime, datetime]
# choice: no boundary is a boundary that no actual date reaches
BEGINNING = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)


@cache
def span(text: str) -> Span | None:
    """The half-open period that a date, dateTime or instant stands for; None for what is none.

    Choice: UTC where it says no zone, a millisecond where it is more precise than that.
    """
    form = re.fullmatch(
        r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?", text
    )  # fmt: skip
    if form is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = form.groups()
    try:
        start = datetime(
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC
        )  # fmt: skip
        if zone and zone != "Z":
            away = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
            start -= away if zone[0] == "+" else -away
        if fraction:
            start += timedelta(milliseconds=int(fraction[:3].ljust(3, "0")))
            return start, start + timedelta(milliseconds=10 ** max(0, 3 - len(fraction)))
        if month is None:
            return start, start.replace(year=start.year + 1)
        if day is None:
            return start, (start + timedelta(days=31)).replace(day=1)
    except (ValueError, OverflowError):
        return None
    if hour is None:
        return start, start + timedelta(days=1)
    return start, start + (timedelta(minutes=1) if second is None else timedelta(seconds=1))


def period(start: str | None, end: str | None) -> Span | None:
    first = span(start) if isinstance(start, str) else None
    last = span(end) if isinstance(end, str) else None
    if first is None and last is None:
        return None
    return first[0] if first else BEGINNING, last[1] if last else END


def spans(found: Found) -> Iterator[Span]:
    """The period of an element: a Timing's outer limits matter only (spec page search, date)."""
    value = found.value
    if found.type in ("date", "dateTime", "instant"):
        made = span(value)
        if made:
            # An instant is a point: an interval smaller than the precision of the system, which is a millisecond.
            yield (
                made if found.type != "instant" else (made[0], made[0] + timedelta(milliseconds=1))
            )
    elif found.type == "Period":
        made = period(value.get("start"), value.get("end"))
        if made:
            yield made
    elif found.type == "Timing":
        inside = [span(event) for event in value.get("event", ())]
        bounds = value.get("repeat", {}).get("boundsPeriod", {})
        inside.append(period(bounds.get("start"), bounds.get("end")))
        there = [one for one in inside if one]
        if there:
            yield min(s for s, _ in there), max(e for _, e in there)


# The meaning of prefixes on ranges (spec page search, Prefixes)

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")


def prefixed(text: str) -> tuple[str, str]:
    return (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)


def date_meets(prefix: str, asked: Span, there: Span) -> bool:
    (start, end), (first, last) = asked, there
    contains = start <= first and last <= end
    match prefix:
        case "eq":
            return contains
        case "ne":
            return not contains
        case "gt":
            return last > end
        case "lt":
            return first < start
        case "ge":
            return last > end or contains
        case "le":
            return first < start or contains
        case "sa":
            return first >= end
        case "eb":
            return last <= start
    # choice: a tenth of the distance to now
    now = datetime.now(UTC)
    near = abs(now - start) / 10
    return first < end + near and last > start - near


def number_meets(
    prefix: str,
    asked: tuple[Fraction, Fraction, Fraction],
    low: Fraction | None,
    high: Fraction | None,
) -> bool:
    """Whether a value from `low` to `high` (equal for a plain number, None for no limit) is what is asked for."""
    least, exact, most = asked
    contains = low is not None and high is not None and least <= low and high < most
    below = low is None or low < exact
    above = high is None or high > exact
    match prefix:
        case "eq":
            return contains
        case "ne":
            return not contains
        case "gt":
            return above
        case "lt":
            return below
        case "ge":
            return above or high == exact
        case "le":
            return below or low == exact
        case "sa":
            return low is not None and low > exact
        case "eb":
            return high is not None and high < exact
    from_, to = sorted((exact * 9 / 10, exact * 11 / 10))
    return (low is None or low <= to) and (high is None or high >= from_)


def number(value: Any) -> Fraction | None:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal, float)):
        return None
    return Fraction(value)


def limits(found: Found) -> tuple[Fraction | None, Fraction | None] | None:
    """The least and the greatest value of an element; None where it has no value at all."""
    value = found.value
    if found.type == "Range":
        low, high = (
            number(value.get("low", {}).get("value")),
            number(value.get("high", {}).get("value")),
        )
        return None if low is None and high is None else (low, high)
    one = number(value.get("value") if isinstance(value, dict) else value)
    return None if one is None else (one, one)


# Where elements are


@cache
def _parsed(expression: str) -> Any:
    return parse(expression)


@cache
def _branches(expression: str, context: str, type: str) -> list[Branch] | Truth:
    return branches(_parsed(expression), context, type, R4)


def _elements(
    expression: str, context: str, start: Any, resource: Resource, *, wide: bool = False
) -> list[Found]:
    """What an expression leads to; if `wide`, also references that do not say the type they should lead to."""
    paths = _branches(expression, context, resource["resourceType"])
    if isinstance(paths, Truth):
        there = [v for path in paths.branches for v in walk(start, resource, path)]
        true = any(value is not paths.unlike for value in there)
        return [Found(true, "boolean")]
    if wide:
        paths = [replace(path, only_type=None) for path in paths]
    return [
        Found(value, path.fhir_type, path.binding, path.only_type)
        for path in paths
        for value in walk(start, resource, path)
    ]


# Tokens


def tokens(found: Found) -> Iterator[tuple[str | None, str | None]]:
    """System and code of an element; a code whose system is implied says each that its binding has."""
    value = found.value
    match found.type:
        case "CodeableConcept":
            for coding in value.get("coding", ()):
                yield coding.get("system"), coding.get("code")
        case "Coding":
            yield value.get("system"), value.get("code")
        case "Identifier":
            yield value.get("system"), value.get("value")
        case "Quantity" | "Reference" | "Range":
            return
        case "ContactPoint":
            if value.get("value") is not None:
                yield "", value["value"].casefold()
        case "string":
            yield "", value.casefold()
        case "boolean":
            said = "true" if value else "false"
            # choice: it says no system itself, so that it is found as what has none, too
            yield SPECIAL_VALUES, said
            yield None, said
        case "code":
            systems = {s for s, code in R4.codings(found.binding or "") or () if code == value}
            for system in systems or {""}:
                yield system, value
        case _:
            yield "", str(value)


def token_meets(text: str, found: Found) -> bool:
    given = [unescaped(part) for part in parts(text, "|")]
    code = given[-1].casefold() if found.type in ("ContactPoint", "string") else given[-1]
    for system, there in tokens(found):
        if len(given) == 1:
            met = there == code
        elif given[0] == "":
            met = there == code and system is None
        elif code == "":
            met = system == given[0]
        else:
            met = (system, there) == (given[0], code)
        if met:
            return True
    return False


def beside(found: Found) -> Iterator[str | None]:
    """What is written beside a code."""
    value = found.value
    match found.type:
        case "CodeableConcept":
            yield value.get("text")
            for coding in value.get("coding", ()):
                yield coding.get("display")
        case "Coding":
            yield value.get("display")
        case "Identifier" if "type" in value:
            yield value["type"].get("text")


# References


def plain(reference: str, bases: Sequence[str]) -> str:
    """A reference without its version, relative where it lies under one of `bases`."""
    for base in bases:
        base = base.rstrip("/") + "/"
        if reference.startswith(base):
            reference = reference.removeprefix(base)
            break
    return re.sub(r"/_history/[^/]+$", "", reference)


def addresses(found: Found, bases: Sequence[str]) -> Iterator[str]:
    value = found.value
    if found.type == "Reference":
        text = value.get("reference")
        if isinstance(text, str) and not text.startswith("#"):
            yield plain(text, bases)
    elif isinstance(value, dict):
        if "id" in value:
            yield f"{value['resourceType']}/{value['id']}"
    elif not value.startswith("#"):
        yield value


def is_canonical(found: Found) -> bool:
    return found.type in ("canonical", "uri", "url")


class Inner(dict[str, Any]):
    """A contained resource."""


class Naive:
    """Searches over resources in memory."""

    def __init__(self, resources: Iterable[Resource], bases: Sequence[str] = ()) -> None:
        self.by_type: dict[str, dict[str, Resource]] = {}
        self.bases = bases
        self._found: dict[tuple[str | None, str], list[Found]] = {}
        for resource in resources:
            self.by_type.setdefault(resource["resourceType"], {})[resource["id"]] = resource

    # finding

    def search(self, type: str, pairs: Pairs) -> list[str]:
        """The ids of what is found, in the order that `_sort` asks for, else that of the ids."""
        sort = next((value for name, value in pairs if name == "_sort"), "")
        asked = [
            (name, value) for name, value in pairs if name not in ("_sort", "_count", "_total")
        ]
        met = [
            resource
            for resource in self.by_type.get(type, {}).values()
            if self.matches(resource, asked)
        ]
        return [resource["id"] for resource in self._ordered(type, met, sort)]

    def matches(self, resource: Resource, pairs: Pairs) -> bool:
        """Whether a resource meets all criteria: each repetition is one of its own."""
        return all(self._meets(resource, name, value) for name, value in pairs if value)

    def _meets(self, resource: Resource, name: str, value: str) -> bool:
        if name.startswith("_has:"):
            _, type, code, rest = name.split(":", 3)
            here = self._address(resource)
            return any(
                here in self._addresses(other, code) and self._meets(other, rest, value)
                for other in self.by_type.get(type, {}).values()
            )
        if chain := re.fullmatch(r"([\w-]+)(?::(\w+))?\.(.+)", name):
            code, type, rest = chain.groups()
            targets = self.parameter(resource, code).targets if type is None else (type,)
            for address in self._addresses(resource, code):
                to, _, id = address.partition("/")
                there = self.by_type.get(to, {}).get(id) if to in targets else None
                if there and self._meets(there, rest, value):
                    return True
            return any(
                inner["resourceType"] in targets and self._meets(inner, rest, value)
                for inner in self._inner(resource, code)
            )
        code, _, modifier = name.partition(":")
        if modifier == "missing":
            return self._missing(resource, code) == (value == "true")
        alternatives = parts(value, ",")
        if code == "_list":
            here = self._address(resource)
            lists = self.by_type.get("List", {})
            return any(
                id in lists and here in self._addresses(lists[id], "item") for id in alternatives
            )
        if modifier == "not":
            return not any(self._one(resource, code, "", one) for one in alternatives)
        return any(self._one(resource, code, modifier, one) for one in alternatives)

    def parameter(self, resource: Resource, code: str) -> SearchParameter:
        return R4.search_parameters(resource["resourceType"])[code]

    def found(self, resource: Resource, code: str) -> list[Found]:
        """The elements that a parameter leads to."""
        key = self._address(resource), code
        if key[0] is None:
            # A contained resource: its id tells it from others in its container only.
            return self._found_anew(resource, code)
        if key not in self._found:
            self._found[key] = self._found_anew(resource, code)
        return self._found[key]

    def _found_anew(self, resource: Resource, code: str) -> list[Found]:
        if code == "_id":
            return [Found(resource["id"], "id")]
        if code == "_lastUpdated":
            updated = resource.get("meta", {}).get("lastUpdated")
            return [] if updated is None else [Found(updated, "instant")]
        type = resource["resourceType"]
        parameter = self.parameter(resource, code)
        found = _elements(parameter.expression, type, resource, resource)
        # The first of a bundle is its `composition` or its `message` by its type: the definitions name one target for each.
        return [
            one
            for one in found
            if one.type != "Resource" or one.value.get("resourceType") in parameter.targets
        ]

    def _address(self, resource: Resource) -> str | None:
        """What others refer to a resource by; a contained one is nobody's but its container's (spec page references,
        Contained Resources)."""
        return (
            None if isinstance(resource, Inner) else f"{resource['resourceType']}/{resource['id']}"
        )

    def _inner(self, resource: Resource, code: str) -> Iterator[Inner]:
        """The contained resources that a parameter leads to. Choice: they themselves lead to none beside them."""
        type = resource["resourceType"]
        paths = _branches(self.parameter(resource, code).expression, type, type)
        if isinstance(resource, Inner) or isinstance(paths, Truth):
            return
        inside = {f"#{one.get('id')}": Inner(one) for one in resource.get("contained", ())}
        for path in paths if inside else ():
            # `resolve() is Patient` is told by the resource itself, for the reference does not say a type.
            for value in walk(resource, resource, replace(path, only_type=None)):
                there = inside.get(value.get("reference", "") if isinstance(value, dict) else value)
                if there is not None and path.only_type in (None, there["resourceType"]):
                    yield there

    def _addresses(self, resource: Resource, code: str) -> set[str]:
        return {a for found in self.found(resource, code) for a in addresses(found, self.bases)}

    def _missing(self, resource: Resource, code: str) -> bool:
        """Choice: missing is what the parameter has nothing to compare with, a concept without codes for example."""
        type = self.parameter(resource, code).type
        return not any(self._comparable(type, found) for found in self.found(resource, code))

    def _comparable(self, type: str, found: Found) -> bool:
        match type:
            case "token":
                return any(system or code for system, code in tokens(found))
            case "date":
                return any(True for _ in spans(found))
            case "string":
                return any(True for _ in strings(found))
            case "reference":
                return bool(self._own(found))
            case "number" | "quantity":
                return limits(found) is not None
        return True

    def _own(self, found: Found) -> list[str]:
        """Where an element leads to. Choice: where it has to lead to one type (`patient`), what is on another server
        does not count.
        """
        there = addresses(found, self.bases)
        return [one for one in there if found.only is None or one.startswith(f"{found.only}/")]

    def _one(self, resource: Resource, code: str, modifier: str, text: str) -> bool:
        parameter = self.parameter(resource, code)
        if parameter.type == "composite":
            return self._composite(resource, parameter, text)
        meets = self.criterion(parameter.type, parameter.targets, modifier, text)
        if modifier == "identifier":
            # choice: a reference that says an identifier, but no type, may be to any
            wide = _elements(
                parameter.expression, resource["resourceType"], resource, resource, wide=True
            )
            return any(
                meets(found)
                for found in wide
                if not re.search(r"(^|/)[A-Z]\w+/[^/]+$", found.value.get("reference", ""))
            ) or any(map(meets, self.found(resource, code)))
        return any(map(meets, self.found(resource, code)))

    def _composite(self, resource: Resource, parameter: SearchParameter, text: str) -> bool:
        """Whether one element of the composite meets all of the parts (spec page search, Composite)."""
        type = resource["resourceType"]
        paths = _branches(parameter.expression, type, type)
        assert not isinstance(paths, Truth)
        asked = parts(text, "$")
        assert len(asked) == len(parameter.components), text
        for path in paths:
            for element in walk(resource, resource, path):
                if all(
                    any(
                        self.criterion(
                            part.type, self.parameter(resource, part.code).targets, "", one
                        )(found)
                        for found in _elements(part.expression, path.fhir_type, element, resource)
                    )
                    for part, one in zip(parameter.components, asked, strict=True)
                ):
                    return True
        return False

    # criteria

    def criterion(
        self, type: str, targets: Sequence[str], modifier: str, text: str
    ) -> Callable[[Found], bool]:
        """The question that one value asks of one element."""
        match type:
            case "token":
                return self._token(modifier, text)
            case "string":
                return _string(modifier, unescaped(text))
            case "uri":
                return _uri(modifier, unescaped(text))
            case "reference":
                return self._reference(targets, modifier, text)
            case "date":
                prefix, rest = prefixed(unescaped(text))
                asked = span(rest)
                assert asked is not None, text
                return lambda found: any(date_meets(prefix, asked, there) for there in spans(found))
            case "number":
                prefix, rest = prefixed(unescaped(text))
                wanted = interval(rest)
                return lambda found: (
                    (there := limits(found)) is not None and number_meets(prefix, wanted, *there)
                )
            case "quantity":
                return _quantity(text)
            case "special":
                return _near(text)
        raise AssertionError(type)

    def _token(self, modifier: str, text: str) -> Callable[[Found], bool]:
        if modifier == "text":
            # choice: the beginning, without regard to case only
            start = unaccented(unescaped(text))
            return lambda found: any(
                there and unaccented(there).startswith(start) for there in beside(found)
            )
        if modifier == "of-type":
            system, code, value = (unescaped(part) for part in parts(text, "|"))
            return lambda found: (
                found.type == "Identifier"
                and found.value.get("value") == value
                and (system, code) in tokens(Found(found.value.get("type", {}), "CodeableConcept"))
            )
        return lambda found: token_meets(text, found)

    def _reference(
        self, targets: Sequence[str], modifier: str, text: str
    ) -> Callable[[Found], bool]:
        if modifier == "identifier":
            return lambda found: (
                found.type == "Reference"
                and "identifier" in found.value
                and token_meets(text, Found(found.value["identifier"], "Identifier"))
            )
        text = unescaped(text) if "|" not in text else text.replace("\\,", ",").replace("\\$", "$")
        if modifier:
            text, targets = text if "/" in text else f"{modifier}/{text}", (modifier,)
        if re.fullmatch(r"[A-Za-z0-9.-]{1,64}", text):
            # A canonical may be any string.
            wanted = {f"{type}/{text}" for type in targets} | (set() if modifier else {text})
        else:
            wanted = {plain(text, self.bases)}

        def meets(found: Found) -> bool:
            there = set(addresses(found, self.bases))
            if modifier:
                there = {address for address in there if address.startswith(f"{modifier}/")}
            if is_canonical(found):
                there |= {address.partition("|")[0] for address in there}
            return bool(wanted & there)

        return meets

    # order

    def _ordered(self, type: str, met: list[Resource], sort: str) -> list[Resource]:
        keys = [(key.removeprefix("-"), key.startswith("-")) for key in sort.split(",") if key]
        # choice: the id decides last, in the direction of the last key
        met = sorted(met, key=lambda resource: resource["id"], reverse=bool(keys) and keys[-1][1])
        for code, descending in reversed(keys):
            values = {resource["id"]: self._sort_values(resource, code) for resource in met}
            having = [resource for resource in met if values[resource["id"]]]
            lacking = [resource for resource in met if not values[resource["id"]]]
            pick = max if descending else min
            first = {r["id"]: pick(values[r["id"]]) for r in having}
            # A stable sort that is reversed keeps the order of equals.
            met = sorted(having, key=lambda r: first[r["id"]], reverse=descending) + lacking
        return met

    def _sort_values(self, resource: Resource, code: str) -> list[Any]:
        parameter = self.parameter(resource, code)
        values: list[Any] = []
        for found in self.found(resource, code):
            match parameter.type:
                case "token":
                    values += [code for _, code in tokens(found) if code]
                case "string":
                    values += [folded(text) for text in strings(found)]
                case "date":
                    values += [start for start, _ in spans(found)]
                case "reference":
                    # choice: a canonical with its version and without
                    own = self._own(found)
                    values += own + [a.partition("|")[0] for a in own if is_canonical(found)]
                case "number" | "quantity":
                    # choice: a Range has no value to sort by
                    there = limits(found) if found.type != "Range" else None
                    values += [one for one in there or () if one is not None][:1]
                case "uri":
                    values += uris(found)
        return values


def strings(found: Found) -> Iterator[str]:
    """The strings of an element: of names and addresses each part that is a string."""
    value = found.value
    if found.type in ("HumanName", "Address"):
        names = {
            "HumanName": ("text", "family", "given", "prefix", "suffix"),
            "Address": ("text", "line", "city", "district", "state", "postalCode", "country"),
        }[found.type]
        for name in names:
            part = value.get(name)
            yield from (
                [one for one in part if one is not None]
                if isinstance(part, list)
                else [part]
                if part
                else []
            )
    elif isinstance(value, str):
        yield value


def _string(modifier: str, text: str) -> Callable[[Found], bool]:
    asked = folded(text)

    def meets(found: Found) -> bool:
        for there in strings(found):
            if modifier == "exact":
                met = there == text
            elif modifier == "contains":
                met = asked in folded(there)
            else:
                met = folded(there).startswith(asked)
            if met:
                return True
        return False

    return meets


def _below(uri: str, above: str) -> bool:
    """Choice: a URI is below another that it is, or that it begins with, and a slash."""
    return uri == above or uri.startswith(above.rstrip("/") + "/")


def _uri(modifier: str, text: str) -> Callable[[Found], bool]:
    if "|" in text and modifier == "below":
        # choice: the versions of a canonical that are that one, or go on behind it with a dot
        versions = _uri("", text)
        return lambda found: (
            versions(found) or found.value.startswith(f"{text}.")
            if found.type == "canonical"
            else _below(found.value, text)
        )
    if modifier == "below":
        return lambda found: any(_below(value, text) for value in uris(found))
    if modifier == "above":
        # Only URLs have a path that something can be above of (spec page search, uri).
        return lambda found: any(
            text == value or ("://" in text and _below(text, value)) for value in uris(found)
        )
    return lambda found: text in uris(found)


def uris(found: Found) -> list[str]:
    """What an element is called by: a canonical also without its version, none that is contained."""
    if found.type != "canonical":
        return [found.value]
    if found.value.startswith("#"):
        return []
    return list(dict.fromkeys((found.value.partition("|")[0], found.value)))


def _quantity(text: str) -> Callable[[Found], bool]:
    given = [unescaped(part) for part in parts(text, "|")]
    prefix, amount = prefixed(given[0])
    system, code = ([*given[1:], "", ""])[:2]
    asked = interval(amount)

    def meets(found: Found) -> bool:
        there = limits(found)
        if there is None:
            return False
        says = found.value
        if found.type == "Range":
            # choice: the unit is that of the end that says one
            says = next(
                (
                    v
                    for v in (says.get("low"), says.get("high"))
                    if v and {"code", "unit"} & v.keys()
                ),
                {},
            )
        of, its = says.get("system"), says.get("code")
        if found.type == "Money":
            of, its = CURRENCIES, says.get("currency")
        if not code:
            return number_meets(prefix, asked, *there)
        if not system:
            return code in (its, says.get("unit")) and number_meets(prefix, asked, *there)
        if of != system:
            return False
        mine, other = unit(code), unit(its) if its else None
        if system != UCUM or mine is None:
            return its == code and number_meets(prefix, asked, *there)
        if other is None or mine[2] != other[2]:
            return False
        least, exact, most = (mine[0] + mine[1] * one for one in asked)
        low, high = (None if one is None else other[0] + other[1] * one for one in there)
        if prefix == "ap":
            # a tenth of the number as it was asked, not of kelvins
            low, high = (None if one is None else (one - mine[0]) / mine[1] for one in (low, high))
            return number_meets(prefix, asked, low, high)
        return number_meets(prefix, (least, exact, most), low, high)

    return meets


def _near(text: str) -> Callable[[Found], bool]:
    latitude, longitude, *rest = text.split("|")
    amount, code = ([*rest, "10", "km"])[:2] if len(rest) != 1 else (rest[0], "km")  # choice: 10 km
    known = unit(code) if code else unit("km")
    assert known is not None, text
    metres = float(Fraction(amount) * known[1])
    here = (math.radians(float(latitude)), math.radians(float(longitude)))

    def meets(found: Found) -> bool:
        said = [found.value.get(name) for name in ("latitude", "longitude")]
        if None in said:
            return False
        there = [math.radians(float(one)) for one in said]
        across = (there[0] - here[0]) / 2, (there[1] - here[1]) / 2
        half = (
            math.sin(across[0]) ** 2
            + math.cos(here[0]) * math.cos(there[0]) * math.sin(across[1]) ** 2
        )
        return 2 * 6_371_000 * math.asin(math.sqrt(half)) <= metres

    return meets


def matches(resource: Resource, query_pairs: Pairs, all_resources: Iterable[Resource]) -> bool:
    """Whether `resource` meets a query, among `all_resources`."""
    return Naive(all_resources).matches(resource, query_pairs)


def search(resources: Iterable[Resource], type: str, query: Pairs) -> list[str]:
    """The ids of the resources of `type` that meet a query, in its order."""
    return Naive(resources).search(type, query)
