"""Units: equal quantities are equal in base units, unequal dimensions never are, and what is no unit is none."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirstore import ucum
from fhirstore.ports.codec import decimal128
from fhirstore.ucum import unit


def base(value: str, code: str) -> tuple[Decimal, str]:
    found = unit(code)
    assert found is not None, code
    return found.convert(Decimal(value)), found.base


EQUAL: list[list[tuple[str, str]]] = [
    [("5.4", "g"), ("5400", "mg"), ("5400000", "ug"), ("0.0054", "kg"), ("5.4e12", "pg"), ("0.54", "dag")],
    [("1", "L"), ("1", "l"), ("10", "dL"), ("1000", "mL"), ("1", "dm3"), ("1000", "cm3"), ("0.001", "m3")],
    [("120", "mm[Hg]"), ("12", "cm[Hg]"), ("15.998640", "kPa"), ("15998.640", "Pa"), ("159.98640", "mbar")],
    [("60", "/min"), ("1", "/s"), ("1", "s-1"), ("1", "Hz"), ("60", "{beats}/min"), ("3600", "/h")],
    [("98.6", "[degF]"), ("37", "Cel"), ("310.15", "K"), ("310150", "mK")],
    [("-40", "[degF]"), ("-40", "Cel")],
    [("1", "mmol/L"), ("1000", "umol/L"), ("1", "mol/m3"), ("1", "meq/L"), ("1", "mosm/L")],
    [("1", "mg/dL"), ("10", "mg/L"), ("10", "ug/mL"), ("0.01", "g/L"), ("0.001", "g%")],
    [("4.5", "10*3/uL"), ("4.5", "10*9/L"), ("4500", "/uL"), ("4.5", "10^3/mm3")],
    [("1", "U/L"), ("1", "umol/min/L"), ("1000", "mU/L"), ("1", "umol/(min.L)")],
    [("1", "[iU]/mL"), ("1000", "[IU]/L"), ("1", "k[iU]/L")],
    [("50", "%"), ("0.5", "1"), ("500", "[ppth]"), ("0.5", "{ratio}"), ("500000", "[ppm]")],
    [("1", "d"), ("24", "h"), ("1440", "min"), ("86400", "s"), ("86400000", "ms")],
    [("4", "a"), ("48", "mo"), ("1461", "d")],
    [("1", "wk"), ("7", "d")],
    [("1", "[in_i]"), ("2.54", "cm"), ("25.4", "mm")],
    [("1", "[ft_i]"), ("12", "[in_i]"), ("0.3048", "m")],
    [("1", "[lb_av]"), ("16", "[oz_av]"), ("453.59237", "g"), ("7000", "[gr]")],
    [("1", "[tbs_us]"), ("3", "[tsp_us]"), ("0.5", "[foz_us]")],
    [("1", "kcal"), ("4184", "J"), ("4.184", "kJ"), ("1", "[Cal]"), ("1", "kcal_th")],
    [("1", "N"), ("1", "kg.m/s2"), ("1", "kg.m.s-2"), ("100000", "dyn")],
    [("1", "W"), ("1", "J/s"), ("1", "V.A"), ("1", "m2.kg/s3")],
    [("1", "kg/m2"), ("0.1", "g/cm2")],
    [("1", "mL/min/{1.73_m2}"), ("60", "mL/h"), ("1", "ml/min")],
    [("1", "24.h"), ("1", "d")],
    [("1", "/(s.m)"), ("1", "s-1.m-1"), ("1", "1/s/m")],
    [("9", "[Ch]"), ("3", "mm")],
    [("360", "deg"), ("1", "circ")],
    [("1", "m2.5"), ("5", "m2")],
]  # fmt: skip


@pytest.mark.parametrize("quantities", EQUAL, ids=lambda quantities: quantities[0][1])
def test_equal_quantities_are_one(quantities: list[tuple[str, str]]) -> None:
    (value, of), *others = [base(*quantity) for quantity in quantities]
    for other, unit_of in others:
        assert unit_of == of
        assert other == value, "to all 34 digits"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("g", "m"),
        ("g", "mol"),
        ("mg/dL", "mmol/L"),
        ("m", "m2"),
        ("m", "/m"),
        ("s", "Hz"),
        ("J", "W"),
        ("1", "mol"),
        ("%", "g%"),
        # each of UCUM's arbitrary units is a dimension of its own
        ("[iU]", "[arb'U]"),
        ("[iU]", "U"),
        ("[iU]", "1"),
        ("[PFU]", "[CFU]"),
        # letters count
        ("mL", "ML2"),
        ("Pa", "P"),
        ("S", "s"),
        ("cd", "d"),
    ],
)
def test_other_dimensions_are_never_compared(one: str, other: str) -> None:
    a, b = unit(one), unit(other)
    assert a is not None
    assert b is None or a.base != b.base


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mg", "Mg"),
        ("m", "mo"),
        ("a", "ar"),
        ("l", "[gal_us]"),
        ("cal", "[Cal]"),
        ("[lb_av]", "[lb_tr]"),
    ],
)
def test_other_sizes_are_told_apart(one: str, other: str) -> None:
    assert base("1", one) != base("1", other)


@pytest.mark.parametrize(
    ("code", "of"),
    [
        ("mg", "g"),
        ("1", "1"),
        ("{any}", "1"),
        ("m/m", "1"),
        ("mm[Hg]", "g.m-1.s-2"),
        ("Cel", "K"),
        ("[iU]", "[iU]"),
    ],
)
def test_the_base_has_one_spelling(code: str, of: str) -> None:
    found = unit(code)
    assert found is not None
    assert found.base == of


UNKNOWN = [
    "", " ", "mcg", "µg", "cc", "MG", "gramm", "lbs", "IU", "iU", "puff", "tablet", "[none]", "[iu]", "degF", "°C", "mm Hg",
    "kg ", " kg", "kg\n", "kkg", "cmin", "kwk", "k[in_i]", "k[Cal]", "m%",
    # no zero of their own below the line
    "mCel", "Cel/h", "/Cel", "Cel2", "[degF].m",
    # no grammar
    "m/", "/", "//m", "m//s", "m..s", ".m", "m.", "(", ")", "()", "(m", "m)", "m s", "m^2", "m2s", "m(s", "{", "}", "{a", "a}",
    "{{a}}", "m*2", "10**3", "m--2", "1.m.", "-1", "+m", "1e3", "[", "]", "[]", "[[m]]",
    # no unit that anybody measures in
    "m41", "m-41", "0", "1/0", "m/0", "0.m", "Ym40.Ym40", "1" + "0" * 150, "ym40", "m" * 201, "m." * 100 + "m",
    "(" * 150, "(" * 99 + "m" + ")" * 99 + "/0",
]  # fmt: skip


@pytest.mark.parametrize("code", UNKNOWN, ids=lambda code: code[:12])
def test_what_is_no_unit_is_none(code: str) -> None:
    assert unit(code) is None


@pytest.mark.parametrize(
    ("prefix", "power"),
    [
        ("Y", 24), ("Z", 21), ("E", 18), ("P", 15), ("T", 12), ("G", 9), ("M", 6), ("k", 3), ("h", 2), ("da", 1),
        ("d", -1), ("c", -2), ("m", -3), ("u", -6), ("n", -9), ("p", -12), ("f", -15), ("a", -18), ("z", -21), ("y", -24),
    ],
)  # fmt: skip
def test_prefixes(prefix: str, power: int) -> None:
    assert base("1", f"{prefix}g") == (Decimal(1).scaleb(power), "g")


def test_what_has_no_end_is_rounded_to_34_digits() -> None:
    assert base("1", "/min") == (Decimal("0.01666666666666666666666666666666667"), "s-1")
    assert base("0", "[degF]") == (Decimal("255.3722222222222222222222222222222"), "K")


# Laws

ATOMS = sorted(set(ucum._DEFINED) - set(ucum._OFFSET_UNITS))
METRIC = sorted(set(ucum._METRIC) - set(ucum._OFFSET_UNITS))
PREFIXES = sorted(ucum._PREFIXES)


def known(code: str) -> ucum.Unit:
    found = unit(code)
    assert found is not None, code
    return found


@pytest.mark.parametrize("atom", ATOMS)
def test_each_unit_of_the_table_leads_to_base_units(atom: str) -> None:
    found = known(atom)
    for part in found.base.split("."):
        name = part.rstrip("-0123456789")
        assert name in ("", *ATOMS)
        assert name == "" or known(name).factor == 1


@pytest.mark.parametrize("atom", METRIC)
def test_a_prefix_is_a_power_of_ten(atom: str) -> None:
    for prefix in PREFIXES:
        if prefix + atom in ucum._DEFINED or any(
            longer + rest == prefix + atom and rest in ucum._DEFINED
            for longer in PREFIXES
            for rest in METRIC
            if len(longer) < len(prefix)
        ):
            continue  # `cd` is the candela and no hundredth of a day
        assert known(prefix + atom).base == known(atom).base
        assert (
            known(prefix + atom).factor
            == known(atom).factor * Fraction(10) ** ucum._PREFIXES[prefix]
        )


@given(st.sampled_from(ATOMS), st.sampled_from(ATOMS))
def test_products_and_quotients(one: str, other: str) -> None:
    a, b = known(one), known(other)
    assert known(f"{one}.{other}").factor == a.factor * b.factor
    assert known(f"{one}/{other}").factor == a.factor / b.factor
    assert known(f"{one}.{other}").base == known(f"{other}.{one}").base
    assert (known(f"({one}/{other})/{one}").base) == known(f"/{other}").base
    if a.base == b.base:
        assert known(f"{one}/{other}").base == "1"


@given(st.sampled_from(ATOMS), st.decimals(-(10**9), 10**9, allow_nan=False, places=6))
def test_a_conversion_is_exact_to_34_digits(atom: str, value: Decimal) -> None:
    found = known(atom)
    exact = Fraction(value) * found.factor
    got = Fraction(found.convert(value))
    assert abs(got - exact) <= abs(exact) / 10**33


PIECES = [*ATOMS, "Cel", "(", ")", "/", ".", "2", "-", "+", "10*", "{x}", "0", " ", "é", "40", "99"]


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(),
    st.sampled_from([Decimal("9.9E+6000"), Decimal("-1E-6000"), Decimal("0E-6000"), Decimal(1)]),
)
def test_any_text_is_a_unit_whose_values_can_be_stored_or_none(code: str, value: Decimal) -> None:
    found = unit(code)
    if found is not None:
        assert found.factor > 0
        assert found.base
        assert decimal128(found.convert(value))
