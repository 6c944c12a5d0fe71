"""Random queries about resources that are there: most are made from a value that occurs, and changed a little.

Values alone would ask what is easy. So dates become coarser and finer, lie in another zone or one step beyond; numbers
get fewer and more digits, and lie just beside the limits that digits imply; text is cut, spelled in another case, or is
what stands in the middle; codes lose or change their system.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from fhirstore.definitions import SearchParameter
from tests.naive_search import PREFIXES, R4, UCUM, Found, Naive, beside, span, strings, tokens, unit

# No path leads to what these ask, or the store does not have them (docs/search.md).
_LEFT_OUT = {"_text", "_content", "_query", "_filter"}
_UNITS = [
    "mg", "g", "kg", "ug", "L", "mL", "dL", "/min", "s-1", "mm[Hg]", "kPa", "cm", "m", "[in_i]", "Cel", "[degF]", "K", "%",
    "1", "{score}", "mg/dL", "g/L", "g/dL", "mmol/L", "umol/L", "kg/m2", "10*3/uL", "10*9/L", "U/L", "d", "h", "wk", "a",
]  # fmt: skip


# Milliseconds to the next value: none, one of them, a second, a day, some months, some years.
_STEPS = [0, 0, 0, 0, 1, 1000, 86_400_000, 30 * 86_400_000, 400 * 86_400_000]


def escaped(text: str) -> str:
    return re.sub(r"([\\|,$])", r"\\\1", text)


# Parameters of booleans alone, which take no other value, where no resource need have one.
_OPTIONAL_BOOLEANS = {"active", "deceased", "exclude", "experimental"}


class Queries:
    """Makes queries about the resources of a `Naive`, each from a number: the same number gives the same query."""

    def __init__(self, naive: Naive, seed: str) -> None:
        self.naive = naive
        self.seed = seed
        self._by_type = {type: list(there.values()) for type, there in naive.by_type.items()}
        self._types = [type for type, there in self._by_type.items() if len(there) > 4]
        self._weights = [len(self._by_type[type]) ** 0.5 for type in self._types]
        self._codes = {type: self._codes_of(type) for type in self._by_type}
        self._referring = [
            (source, code, to)
            for source, codes in self._codes.items()
            for code in codes
            if R4.search_parameters(source)[code].type == "reference"
            for to in self._leads_to(source, code)
        ]

    def _codes_of(self, type: str) -> list[str]:
        """The parameters that have a value in at least one resource of the type."""
        return [
            code
            for code, parameter in R4.search_parameters(type).items()
            if code not in _LEFT_OUT
            and (
                parameter.type == "composite"
                or any(self._has(r, code) for r in self._by_type[type])
            )
        ]

    def _has(self, resource: Any, code: str) -> bool:
        return bool(self.naive.found(resource, code))

    def _leads_to(self, source: str, code: str) -> list[str]:
        found = (f for r in self._by_type[source] for f in self.naive.found(r, code))
        texts = [f.value.get("reference") or "" for f in found if f.type == "Reference"]
        targets = set(R4.search_parameters(source)[code].targets)
        return sorted({text.partition("/")[0] for text in texts} & self._by_type.keys() & targets)

    def __call__(self, n: int) -> tuple[str, list[tuple[str, str]]]:
        """Query number `n`: the type and its pairs."""
        made = _Query(self, Random(f"{self.seed}/{n}"))
        return made.type, made.pairs()


class _Query:
    def __init__(self, of: Queries, chance: Random) -> None:
        self.of = of
        self.naive = of.naive
        self.chance = chance
        (self.type,) = chance.choices(of._types, of._weights)

    def pairs(self) -> list[tuple[str, str]]:
        # Several criteria are about one resource, so that some find something.
        about = self._some(self.type)
        criteria = self.chance.choices((0, 1, 2, 3), (2, 60, 28, 10))[0]
        pairs = [self._criterion(self.type, about, 2) for _ in range(criteria)]
        if not criteria or self.chance.random() < 0.3:
            pairs.append(("_sort", self._sort()))
        if self.chance.random() < 0.4:
            pairs.append(("_count", str(self.chance.choice((1, 2, 3, 7, 20, 1000)))))
        if self.chance.random() < 0.3:
            pairs.append(("_total", "accurate"))
        return pairs

    def _some(self, type: str) -> Any:
        return self.chance.choice(self.of._by_type[type])

    def _sort(self) -> str:
        codes = [
            code
            for code in self.of._codes[self.type]
            if R4.search_parameters(self.type)[code].type not in ("composite", "special")
        ]
        chosen = self.chance.sample(codes, min(len(codes), self.chance.choice((1, 1, 2, 3))))
        return ",".join(self.chance.choice(("", "-")) + code for code in chosen)

    # one criterion

    def _criterion(self, type: str, about: Any, hops: int) -> tuple[str, str]:
        if hops and self.chance.random() < 0.2:
            hop = self._hop(type, about, hops)
            if hop:
                return hop
        codes = self.of._codes[type]
        if self.chance.random() < 0.05:
            codes = [c for c in R4.search_parameters(type) if c not in _LEFT_OUT]
        # What this one resource has no value for would too often be asked in vain.
        having = [c for c in codes if self._is_composite(type, c) or self.of._has(about, c)]
        code = self._one_of_all_types(
            type, having if having and self.chance.random() < 0.9 else codes
        )
        return self._ask(type, R4.search_parameters(type)[code], about)

    def _one_of_all_types(self, type: str, codes: list[str]) -> str:
        """Tokens and references are most of the parameters: half the time the type of the parameter is chosen first."""
        if self.chance.random() < 0.5:
            types = sorted({R4.search_parameters(type)[code].type for code in codes})
            wanted = self.chance.choice(types)
            codes = [code for code in codes if R4.search_parameters(type)[code].type == wanted]
        # Every resource has these.
        weights = [0.3 if code in ("_id", "_lastUpdated") else 1 for code in codes]
        return self.chance.choices(codes, weights)[0]

    def _is_composite(self, type: str, code: str) -> bool:
        return R4.search_parameters(type)[code].type == "composite"

    def _hop(self, type: str, about: Any, hops: int) -> tuple[str, str] | None:
        forward = [(code, to) for source, code, to in self.of._referring if source == type]
        back = [(source, code) for source, code, to in self.of._referring if to == type]
        if forward and (not back or self.chance.random() < 0.6):
            code, to = self.chance.choice(forward)
            name, value = self._criterion(to, self._some(to), hops - 1)
            targets = R4.search_parameters(type)[code].targets
            typed = len(targets) != 1 or self.chance.random() < 0.3
            return f"{code}:{to}.{name}" if typed else f"{code}.{name}", value
        if back:
            source, code = self.chance.choice(back)
            name, value = self._criterion(source, self._some(source), hops - 1)
            return f"_has:{source}:{code}:{name}", value
        return None

    def _ask(self, type: str, parameter: SearchParameter, about: Any) -> tuple[str, str]:
        code = parameter.code
        if parameter.type not in ("composite", "special") and self.chance.random() < 0.04:
            return f"{code}:missing", self.chance.choice(("true", "false"))
        if parameter.type == "composite":
            return code, self._or(lambda r: self._composite(parameter, r), type, about)
        modifier = self._modifier(parameter, about)
        name = f"{code}:{modifier}" if modifier else code
        return name, self._or(lambda r: self._value(parameter, modifier, r), type, about)

    def _or(self, make: Callable[[Any], str], type: str, about: Any) -> str:
        values = [make(about)]
        while self.chance.random() < 0.2:
            values.append(make(self._some(type)))
        return ",".join(values)

    def _modifier(self, parameter: SearchParameter, about: Any) -> str:
        choices: dict[str, list[str]] = {
            "string": ["", "", "exact", "contains"],
            "token": ["", "", "", "", "not", "text"],
            "uri": ["", "below", "above"],
            "reference": ["", "", "", ""],
        }
        offered = choices.get(parameter.type, [""])
        found = self.naive.found(about, parameter.code)
        if parameter.type == "token":
            kinds = {one.type for one in found}
            if (
                not kinds
                or parameter.code == "_id"
                or kinds - {"CodeableConcept", "Coding", "Identifier"}
            ):
                offered = ["", "", "", "not"]
            elif kinds == {"Identifier"}:
                offered = [*offered, "of-type"]
        if parameter.type == "reference" and parameter.code != "_profile":
            to = {a.partition("/")[0] for a in self.naive._addresses(about, parameter.code)}
            offered = [*offered, *sorted(to & set(parameter.targets) & R4.resource_types)]
            if any(f.type == "Reference" and "identifier" in f.value for f in found):
                offered = [*offered, "identifier"]
        return self.chance.choice(offered)

    # values

    def _value(self, parameter: SearchParameter, modifier: str, about: Any) -> str:
        if parameter.code == "_list":
            return self.chance.choice([*self.naive.by_type.get("List", {}), "none"])
        found = self.naive.found(about, parameter.code)
        if not found:
            some = (
                self.naive.found(self._some(about["resourceType"]), parameter.code)
                for _ in range(10)
            )
            found = next(filter(None, some), [])
        if not found:
            is_boolean = parameter.code in _OPTIONAL_BOOLEANS
            found = [Found(True, "boolean") if is_boolean else Found("x", "string")]
        return self._spelled(parameter.type, modifier, self.chance.choice(found), parameter)

    def _spelled(
        self, type: str, modifier: str, found: Found, parameter: SearchParameter | None = None
    ) -> str:
        match type:
            case "token":
                return self._token(modifier, found, parameter)
            case "string":
                return escaped(self._text(modifier, self._one(list(strings(found)), "x")))
            case "date":
                return self._date(found)
            case "number":
                return self._prefix() + self._number(found)
            case "quantity":
                return self._quantity(found)
            case "reference":
                return self._reference(modifier, found)
            case "uri":
                return escaped(self._uri(modifier, str(found.value)) or "x")
        place = found.value if isinstance(found.value, dict) else {}
        near = [
            max(-most, min(most, Decimal(self._beside(str(place.get(name, 1))))))
            for name, most in (("latitude", 90), ("longitude", 180))
        ]
        return f"{near[0]:f}|{near[1]:f}|{self.chance.choice(('1', '50', '500', '5000'))}|km"

    def _one(self, choices: list[Any], otherwise: Any) -> Any:
        return self.chance.choice(choices) if choices else otherwise

    def _composite(self, parameter: SearchParameter, about: Any) -> str:
        from tests.naive_search import _branches, _elements
        from tests.walker import walk

        paths = _branches(parameter.expression, about["resourceType"], about["resourceType"])
        assert isinstance(paths, list)
        there = [(path, e) for path in paths for e in walk(about, about, path)]
        path, element = self._one(there, (paths[0], {}))
        return "$".join(
            self._spelled(
                part.type,
                "",
                self._one(
                    _elements(part.expression, path.fhir_type, element, about), Found("1", "string")
                ),
            )
            for part in parameter.components
        )

    def _token(self, modifier: str, found: Found, parameter: SearchParameter | None) -> str:
        if modifier == "text":
            text = self._one([one for one in beside(found) if one], "nothing")
            return escaped(self._text("", text))
        if modifier == "of-type":
            coded = list(tokens(Found(found.value.get("type", {}), "CodeableConcept")))
            system, code = self._one(coded, ("urn:x", "x"))
            return "|".join(escaped(one or "x") for one in (system, code, found.value.get("value")))
        system, code = self._one(list(tokens(found)), ("urn:x", "absent"))
        code = code or "x"
        # All else is no value of a boolean.
        if found.type == "boolean" and self.chance.random() < 0.1:
            code = self.chance.choice(("true", "false"))
        elif found.type != "boolean" and self.chance.random() < 0.1:
            code = self.chance.choice((code.upper(), code.lower(), code[:-1] or "x", code + "x"))
        if (parameter is not None and parameter.code == "_id") or found.type in (
            "boolean",
            "ContactPoint",
            "uri",
            "id",
            "string",
        ):
            return escaped(code)
        form = self.chance.choice(("code", "code", "both", "both", "none", "system"))
        match form:
            case "both" if system:
                return f"{escaped(system)}|{escaped(code)}"
            case "system" if system:
                return f"{escaped(system)}|"
            case "none" if found.type != "code":
                return f"|{escaped(code)}"
        return escaped(code)

    def _text(self, modifier: str, text: str) -> str:
        text = " ".join(text.split()) if modifier != "exact" else text
        dice = self.chance.random()
        if modifier == "exact":
            return (
                text
                if dice < 0.7
                else self.chance.choice((text.upper(), text.lower(), text[:-1] or "x"))
            )
        if modifier == "contains" or dice < 0.1:
            start = self.chance.randrange(len(text))
            text = text[start : start + self.chance.randint(1, 8)]
        elif dice < 0.7:
            text = text[: self.chance.randint(1, 12)]
        elif dice < 0.8:
            text = self.chance.choice(text.split())
        dice = self.chance.random()
        changed = text.upper() if dice < 0.2 else text.lower() if dice < 0.4 else text
        # Of white space or punctuation alone nothing is left to look for.
        return changed if re.search(r"\w", changed) else "a"

    def _prefix(self) -> str:
        return self.chance.choice((*PREFIXES, "", "", ""))

    def _date(self, found: Found) -> str:
        value = found.value
        if isinstance(value, dict):
            texts = [text for text in (value.get("start"), value.get("end")) if text]
            value = self._one([*texts, *value.get("event", ())], "2015-06-01")
        there = span(value) if isinstance(value, str) else None
        if there is None:
            return self._prefix() + "2015-06"
        at = there[self.chance.choice((0, 0, 0, 1))]
        step = timedelta(milliseconds=self.chance.choice(_STEPS))
        at += step if self.chance.random() < 0.5 else -step
        return self._prefix() + self._written(at, value)

    def _written(self, at: datetime, value: str) -> str:
        if at.year > 9990:
            return value
        if self.chance.random() < 0.3:
            return value
        match self.chance.randrange(7):
            case 0:
                return f"{at:%Y}".zfill(4)
            case 1:
                return f"{at:%Y-%m}"
            case 2:
                return f"{at:%Y-%m-%d}"
            case 3:
                return f"{at:%Y-%m-%dT%H:%M}{self.chance.choice(('Z', ''))}"
            case 4:
                return f"{at:%Y-%m-%dT%H:%M:%S}Z"
            case 5:
                return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
        hours = self.chance.choice((-11, -5, 1, 2, 14))
        there = at.astimezone(UTC) + timedelta(hours=hours)
        return f"{there:%Y-%m-%dT%H:%M:%S}{'-' if hours < 0 else '+'}{abs(hours):02}:00"

    def _number(self, found: Found) -> str:
        value = found.value
        if isinstance(value, dict):
            ends = [value, value.get("low", {}), value.get("high", {})]
            value = self._one([end["value"] for end in ends if "value" in end], 1)
        return self._beside(
            str(value) if re.fullmatch(r"-?[\d.]+([eE][-+]?\d+)?", str(value)) else "1"
        )

    def _beside(self, text: str) -> str:
        """A number that is this one, or near it, with fewer or more digits."""
        number = Decimal(text)
        exponent = number.as_tuple().exponent
        assert isinstance(exponent, int)
        last = Decimal((0, (1,), exponent))
        match self.chance.randrange(9):
            case 0:
                number += last * self.chance.choice((1, -1))
            case 1:
                number += last / 2 * self.chance.choice((1, -1))
            case 2:
                number = round(number, max(-exponent - 1, 0))
            case 3:
                return f"{number:f}" + ("0" if "." in text else ".0")
            case 4:
                number = Decimal(f"{number:.0e}")
                return f"{number:e}" if self.chance.random() < 0.5 else f"{number:f}"
            case 5:
                number *= self.chance.choice((Decimal("1.1"), Decimal("0.9"), 2, -1))
        return f"{number:f}"

    def _quantity(self, found: Found) -> str:
        value = found.value if isinstance(found.value, dict) else {}
        says = value.get("low") or value.get("high") or value
        prefix, number = self._prefix(), self._number(found)
        system, code = says.get("system"), says.get("code")
        if "currency" in value:
            system, code = "urn:iso:std:iso:4217", value["currency"]
        match self.chance.choice(("none", "unit", "both", "both", "other")):
            case "unit" if code or says.get("unit"):
                return f"{prefix}{number}||{escaped(self.chance.choice([t for t in (code, says.get('unit')) if t]))}"
            case "both" if system and code:
                return f"{prefix}{number}|{escaped(system)}|{escaped(code)}"
            case "other" if system == UCUM and code and (mine := unit(code)):
                alike = [u for u in _UNITS if (there := unit(u)) and there[2] == mine[2]]
                other = self._one(alike, code)
                its = unit(other)
                assert its is not None
                kelvin = (
                    mine[0]
                    + mine[1]
                    * Decimal(number).as_integer_ratio()[0]
                    / Decimal(number).as_integer_ratio()[1]
                )
                converted = (kelvin - its[0]) / its[1]
                digits = self.chance.randint(2, 6)
                return (
                    f"{prefix}{Decimal(f'{float(converted):.{digits}g}'):f}|{UCUM}|{escaped(other)}"
                )
        return prefix + number

    def _reference(self, modifier: str, found: Found) -> str:
        value = found.value
        if modifier == "identifier":
            identifier = value.get("identifier", {}) if isinstance(value, dict) else {}
            return self._token("", Found(identifier, "Identifier"), None)
        if isinstance(value, dict):
            text = (
                value.get("reference")
                or f"{value.get('resourceType', 'Patient')}/{value.get('id', 'none')}"
            )
        else:
            text = str(value)
        if found.type in ("canonical", "uri", "url"):
            if modifier and f"/{modifier}/" not in f"/{text}":
                return "none"
            url = text.partition("|")[0]
            return self.chance.choice((escaped(url), text.replace(",", "\\,"), f"{escaped(url)}|9"))
        relative = re.fullmatch(r"(\w+)/([A-Za-z0-9.-]+)", text)
        if relative is None:
            return "none" if modifier or text.startswith("#") else escaped(text)
        dice = self.chance.random()
        if modifier or dice < 0.2:
            return relative[2]
        if dice < 0.3 and self.naive.bases:
            return f"{self.naive.bases[0]}/{text}"
        return text if dice < 0.95 else text + "x"

    def _uri(self, modifier: str, uri: str) -> str:
        if modifier == "below":
            return self.chance.choice(
                (uri, uri.rpartition("/")[0] or uri, uri.rpartition("/")[0] + "/", uri[:-1])
            )
        if modifier == "above":
            return self.chance.choice((uri, uri + "/more", uri + "more"))
        return (
            uri
            if self.chance.random() < 0.85
            else self.chance.choice((uri.upper(), uri + "/", uri[:-1]))
        )
