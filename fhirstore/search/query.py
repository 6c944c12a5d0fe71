"""A query string becomes a `Query`: every name resolved, nothing asked of the database yet.

Three things can be wrong with a parameter, and they are kept apart (spec page search, Handling Errors). What the store
does not know or not support is an error under strict handling, and is left out and reported as a warning under lenient
handling; but a modifier, a named query and a `_filter` change what is asked, and are an error always ("SHALL reject",
"SHALL refuse"). So is a value that is wrong. An empty parameter is neither: the page has it ignored.

`Query.issues` has all of them, so that a caller hears of everything at once; `plan` refuses a query with an error among
them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, cast

from fhirstore.definitions import Definitions, SearchParameter
from fhirstore.errors import InvalidSearch, Issue
from fhirstore.search import chaining, filter_expression, moment
from fhirstore.search.criteria import MOST_HOPS, Asked, Criterion
from fhirstore.search.escapes import is_illegal
from fhirstore.search.filter_reading import filter_of
from fhirstore.search.inclusion import Inclusion
from fhirstore.search.inclusion import read as inclusion_of
from fhirstore.search.query_string import Pairs, as_pairs
from fhirstore.search.subsetting import SUMMARIES, WHOLE, Subset, element_names, subset_of

Handling = Literal["strict", "lenient"]
Total = Literal["none", "estimate", "accurate"]

DEFAULT_COUNT = 50
MAX_COUNT = 1000

# Far above what a search can mean; below what would make a filter that MongoDB refuses (16 MB, and slow long before).
MOST_PARAMETERS = 1000
MOST_VALUES = 10_000

CONTAINED = ("false", "true", "both")

# What FHIR defines for every search and this store does not do yet.
_NOT_YET = {
    "_type": "searching several types from within one (search the system)",
    "_score": "a relevance that results could be sorted by",
}
_ALTERNATIVE = re.compile(r"(?:[^,\\]|\\.?)+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SortRule:
    """One entry of `_sort`."""

    parameter: SearchParameter
    descending: bool

    def __str__(self) -> str:
        return f"{'-' if self.descending else ''}{self.parameter.code}"


@dataclass(frozen=True, slots=True)
class Query:
    """A search of one type.

    `parameters` are the pairs really used, in the order of the criteria and then the controls: what a self link says.
    `page` is a token, which is no part of them. `only_total` means that no match is to be returned (`_summary=count`,
    `_count=0`). `summary` is `_summary` as asked for, `subset` the part of each match that is to be returned.
    `inclusions` is what comes along with the matches, `compartment` the address of the owner within whose compartment
    is searched, `as_of` the instant whose state is. `contained` is "true" for contained
    resources alone, "both" for others as well. `issues` is what was wrong, or left out.
    """

    type: str
    criteria: tuple[Asked, ...] = ()
    sort: tuple[SortRule, ...] = ()
    count: int = DEFAULT_COUNT
    total: Total = "none"
    summary: str | None = None
    page: str | None = None
    subset: Subset = WHOLE
    inclusions: tuple[Inclusion, ...] = ()
    compartment: str | None = None
    as_of: str | None = None
    contained: str = "false"
    parameters: tuple[tuple[str, str], ...] = ()
    issues: tuple[Issue, ...] = ()

    @property
    def only_total(self) -> bool:
        return self.summary == "count" or self.count == 0

    @property
    def errors(self) -> tuple[Issue, ...]:
        return tuple(issue for issue in self.issues if issue.severity == "error")


def alternatives(value: str) -> tuple[str, ...]:
    """The parts of `value` between its unescaped commas, empty ones left out; escapes stay (spec page search, Escaping)."""
    return tuple(_ALTERNATIVE.findall(value))


def parse(
    type: str,
    query: str | Pairs,
    definitions: Definitions,
    *,
    handling: Handling = "strict",
    page: str | None = None,
    compartment: str | None = None,
) -> Query:
    """What `query`, a query string or its decoded pairs, asks of the resources of `type`.

    `page` is a token from `SearchPage.next`, as `_page` among the pairs is. Raises InvalidSearch only where
    the text is no query string at all; all else is in `Query.issues`.
    """
    given = as_pairs(query)
    reader = _Reader(type, definitions.search_parameters(type), definitions, handling, page)
    if len(given) > MOST_PARAMETERS:
        raise InvalidSearch(f"more than {MOST_PARAMETERS} parameters", code="too-costly")
    for name, value in given:
        if value:
            reader.read(name, value)
    return replace(reader.query(), compartment=compartment)


class _Reader:
    """Reads one pair after the other."""

    def __init__(
        self,
        type: str,
        known: Mapping[str, SearchParameter],
        definitions: Definitions,
        handling: Handling,
        page: str | None,
        hops: int = 0,
    ) -> None:
        self._type = type
        self._hops = hops
        self._known = known
        self._definitions = definitions
        self._handling = handling
        self._criteria: list[Asked] = []
        self._used: list[tuple[str, str]] = []
        self._sort: list[SortRule] = []
        self._controls: dict[str, str] = {}
        self._inclusions: list[Inclusion] = []
        self._issues: list[Issue] = []
        self._page = page
        self._values = 0

    def read(self, name: str, value: str) -> None:
        try:
            self._read(name, value)
        except chaining.UnsupportedModifier as error:
            self._issues += [replace(issue, expression=name[:200]) for issue in error.issues]
        except InvalidSearch as error:
            for issue in error.issues:
                self._refused(name, issue)

    def _read(self, name: str, value: str) -> None:
        base, _, modifier = name.partition(":")
        control = _CONTROLS.get(base)
        if base in ("_include", "_revinclude"):
            self._include(name, base, modifier, value)
        elif control is None:
            self._ask(name, base, modifier, value)
        elif modifier:
            raise chaining.UnsupportedModifier(f"{base} takes no modifier")
        else:
            control(self, base, value)

    def _ask(self, name: str, base: str, modifier: str, value: str) -> None:
        if base in _NOT_YET:
            self._unsupported(name, f"{_NOT_YET[base]} ({base}) is not supported yet")
        elif base == "_query":
            self._wrong(name, "named queries (_query) are not supported yet", "not-supported")
        elif base == "_has":
            self._reverse_chain(name, value)
        elif name == "_list":
            self._list(name, value)
        elif name == "_filter":
            self._filter(name, value)
        elif "." in name:
            self._chain(name, value)
        elif base not in self._known:
            raise chaining.unknown(self._type, base, [*self._known, *_CONTROLS], self._definitions)
        else:
            parameter = self._known[base]
            self._criterion(name, parameter, modifier if ":" in name else None, value)

    def query(self) -> Query:
        subset = self._subset()
        controls = [(name, self._controls[name]) for name in _CONTROLS if name in self._controls]
        return Query(
            type=self._type,
            criteria=tuple(self._criteria),
            sort=tuple(self._sort),
            count=min(int(self._controls.get("_count", DEFAULT_COUNT)), MAX_COUNT),
            total=cast(Total, self._controls.get("_total", "none")),
            summary=self._controls.get("_summary"),
            page=self._page,
            subset=subset,
            as_of=self._controls.get(moment.PARAMETER),
            contained=self._controls.get("_contained", "false"),
            inclusions=tuple(self._inclusions),
            parameters=(*self._used, *controls),
            issues=tuple(self._issues),
        )

    # criteria

    def _criterion(
        self, name: str, parameter: SearchParameter, modifier: str | None, value: str
    ) -> None:
        if modifier is not None:
            chaining.check_modifier(self._type, parameter, modifier, self._definitions)
        if is_illegal(value):
            said = f"a backslash stands before a comma, |, $ or another backslash, not as in {value[:80]!r}"
            raise InvalidSearch(said, code="value")
        values = alternatives(value)
        if not values:
            return
        self._count(name, len(values))
        self._add(name, value, Criterion(name, parameter, modifier, values))

    def _filter(self, name: str, value: str) -> None:
        try:
            expression = filter_expression.parse(value)
            self._add(name, value, filter_of(value, expression, self._type, self._definitions))
        except InvalidSearch as error:
            self._issues += [replace(issue, expression=name) for issue in error.issues]

    def _count(self, name: str, values: int) -> None:
        self._values += values
        if self._values > MOST_VALUES:
            raise InvalidSearch(f"more than {MOST_VALUES} values in one search", code="too-costly")

    def _add(self, name: str, value: str, criterion: Asked) -> None:
        self._criteria.append(criterion)
        self._used.append((name, value))

    # hops

    def _chain(self, name: str, value: str) -> None:
        """`subject:Patient.name`, `subject.organization.name` (spec page search, Chained parameters)."""
        step, _, rest = name.partition(".")
        parameter, type = chaining.link(self._type, step, rest, self._definitions)
        self._hop(name, parameter, type, rest, value)

    def _reverse_chain(self, name: str, value: str) -> None:
        """`_has:Observation:patient:code` (spec page search, Reverse Chaining)."""
        parts = name.split(":", 3)
        if len(parts) < 4:
            self._unsupported(name, "_has is _has:Type:reference:parameter")
            return
        _, type, code, rest = parts
        parameter = chaining.reverse_link(self._type, type, code, self._definitions)
        self._hop(name, parameter, type, rest, value, reverse=True)

    def _list(self, name: str, value: str) -> None:
        """What a List refers to (spec page search, Lists): `_has:List:item:_id`."""
        if value.startswith("$"):
            self._unsupported(name, f"functional lists ({value[:40]}) are not supported yet")
        else:
            item = self._definitions.search_parameters("List")["item"]
            self._hop(name, item, "List", "_id", value, reverse=True)

    def _hop(
        self,
        name: str,
        parameter: SearchParameter,
        type: str,
        rest: str,
        value: str,
        *,
        reverse: bool = False,
    ) -> None:
        """Read `rest` as a criterion of the type at the other end."""
        if self._hops == MOST_HOPS:
            raise InvalidSearch(f"more than {MOST_HOPS} links in one parameter", code="too-costly")
        known = self._definitions.search_parameters(type)
        if rest.partition(":")[0] in _CONTROLS:
            raise chaining.unknown(type, rest, known, self._definitions)
        reader = _Reader(type, known, self._definitions, self._handling, None, self._hops + 1)
        reader.read(rest, value)
        self._issues += [replace(issue, expression=name[:200]) for issue in reader._issues]
        for criterion in reader._criteria:
            self._count(name, reader._values)
            hop = Criterion(name, parameter, None, (), criterion, type, reverse)
            self._add(name, value, hop)

    # controls

    def _include(self, name: str, base: str, modifier: str, value: str) -> None:
        # `:recurse` is what `:iterate` was called before R4.
        if modifier not in ("", "iterate", "recurse"):
            said = f"{base} takes :iterate, not :{modifier[:40]}"
            raise chaining.UnsupportedModifier(said)
        reverse = base == "_revinclude"
        parts = value.split(",")
        self._count(name, len(parts))
        for part in dict.fromkeys(parts):
            try:
                inclusion = inclusion_of(
                    name, part, self._definitions, reverse=reverse, iterate=bool(modifier)
                )
            except InvalidSearch as error:
                self._issues += error.issues
            else:
                if inclusion not in self._inclusions:
                    self._inclusions.append(inclusion)
                    self._used.append((name, part))

    def sort(self, name: str, value: str) -> None:
        entries = value.split(",")
        self._count(name, len(entries))
        for entry in entries:
            code = entry.strip().removeprefix("-")
            parameter = self._known.get(code)
            if not code:
                self._wrong(name, f"an entry of {name} names no search parameter")
            elif code in _NOT_YET:
                self._wrong(
                    name, f"{_NOT_YET[code]} ({code}) is not supported yet", "not-supported"
                )
            elif parameter is None and self._definitions.is_building(self._type, code):
                self._unsupported(name, f"the values of {code} are being built: ask again later")
            elif parameter is None and "." in code:
                self._wrong(
                    name,
                    f"sorting by a chained parameter ({code[:80]}) is not supported",
                    "not-supported",
                )
            elif parameter is None:
                self._wrong(
                    name,
                    f"{self._type} cannot be sorted by {code[:80]!r}: no such search parameter",
                )
            elif parameter not in (rule.parameter for rule in self._sort):
                # A key that stood before has decided already; a second time it orders nothing.
                self._sort.append(SortRule(parameter, entry.strip().startswith("-")))
        if self._sort:
            self._controls[name] = ",".join(str(rule) for rule in self._sort)

    def count(self, name: str, value: str) -> None:
        if not (value.isascii() and value.isdigit() and len(value) <= 9):
            self._wrong(name, f"{name} is a whole number, not {value[:40]!r}")
        elif self._once(name):
            self._controls[name] = str(min(int(value), MAX_COUNT))

    def total(self, name: str, value: str) -> None:
        self._one_of(name, value, ("none", "estimate", "accurate"))

    def summary(self, name: str, value: str) -> None:
        self._one_of(name, value, SUMMARIES)

    def elements(self, name: str, value: str) -> None:
        names = element_names(value, self._type, self._definitions)
        if names and self._once(name):
            self._controls[name] = ",".join(names)

    def _subset(self) -> Subset:
        elements = self._controls.get("_elements", "")
        summary = self._controls.get("_summary")
        if summary == "text" and self._inclusions:
            self._wrong("_summary", "_summary=text and _include exclude each other")
        try:
            return subset_of(tuple(elements.split(",")) if elements else (), summary)
        except InvalidSearch as error:
            self._issues += error.issues
            return WHOLE

    def page(self, name: str, value: str) -> None:
        if self._page not in (None, value):
            self._wrong(name, "there is more than one page token")
        self._page = value

    def contained(self, name: str, value: str) -> None:
        self._one_of(name, value, CONTAINED)

    def contained_type(self, name: str, value: str) -> None:
        if value == "contained":
            said = "the contained resource alone is not returned: ask for the container"
            self._wrong(name, said, "not-supported")
        else:
            self._one_of(name, value, ("container",))

    def as_of(self, name: str, value: str) -> None:
        if self._once(name):
            self._controls[name] = value

    def _one_of(self, name: str, value: str, allowed: Iterable[str]) -> None:
        if value not in allowed:
            self._wrong(name, f"{name} is {', '.join(allowed)}, not {value[:40]!r}")
        elif self._once(name):
            self._controls[name] = value

    def _once(self, name: str) -> bool:
        if name in self._controls:
            self._wrong(name, f"{name} stands more than once")
        return name not in self._controls

    # what is wrong

    def _refused(self, name: str, issue: Issue) -> None:
        if issue.code == "not-supported":
            self._unsupported(name, issue.diagnostics)
        else:
            self._wrong(name, issue.diagnostics, issue.code)

    def _unsupported(self, name: str, why: str) -> None:
        lenient = self._handling == "lenient"
        severity = "warning" if lenient else "error"
        said = f"{why}; it was left out" if lenient else why
        self._issues.append(Issue(severity, "not-supported", said, name[:200]))

    def _wrong(self, name: str, why: str, code: str = "value") -> None:
        self._issues.append(Issue("error", code, why, name[:200]))


_CONTROLS: dict[str, Callable[[_Reader, str, str], None]] = {
    "_sort": _Reader.sort,
    "_count": _Reader.count,
    "_total": _Reader.total,
    "_summary": _Reader.summary,
    "_elements": _Reader.elements,
    "_page": _Reader.page,
    moment.PARAMETER: _Reader.as_of,
    "_contained": _Reader.contained,
    "_containedType": _Reader.contained_type,
}
