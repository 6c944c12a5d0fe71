"""Units of UCUM in base units, exactly: `5.4 g`, `5400 mg` and `5400000 ug` are one quantity (spec page search, quantity).

A table of the units that clinical data uses, with the grammar of https://ucum.org/ucum (prefixes, powers, products,
quotients, annotations). Factors are fractions, so that nothing is lost before the result is rounded to the 34 digits
that a database number has. Units that UCUM calls arbitrary ([iU], [arb'U] ...) are dimensions of their own, as UCUM
says: they compare with themselves alone. So is the mole here, which UCUM takes for a number: a count of cells is no
amount of substance. A unit that is not in the table has no base form, and is then compared by its code.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

from fhirstore.short_texts import for_short_texts

SYSTEM = "http://unitsofmeasure.org"

_DIGITS = Context(prec=34, rounding=ROUND_HALF_EVEN)
# Powers beyond this are no unit that anybody measures in.
_MOST_POWER = 40
# Nor is a unit beyond this factor; it could take a value out of the range of a database number.
_MOST_FACTOR = Fraction(10) ** 100

Powers = tuple[tuple[str, int], ...]

_PREFIXES = {
    "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
    "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
}  # fmt: skip

# What a unit is worth in others. The base units are UCUM's own: metre, second, gram, radian, kelvin, coulomb, candela.
# Metric ones take prefixes.
_METRIC = {
    "m": None, "s": None, "g": None, "rad": None, "K": None, "C": None, "cd": None,
    "mol": None, "sr": "1 rad2", "Hz": "1 s-1", "N": "1 kg.m/s2", "Pa": "1 N/m2",
    "J": "1 N.m", "W": "1 J/s", "A": "1 C/s", "V": "1 J/C", "F": "1 C/V", "Ohm": "1 V/A",
    "S": "1 Ohm-1", "Wb": "1 V.s", "T": "1 Wb/m2", "H": "1 Wb/A", "lm": "1 cd.sr", "lx": "1 lm/m2",
    "Bq": "1 s-1", "Gy": "1 J/kg", "Sv": "1 J/kg", "l": "1 dm3", "L": "1 dm3", "ar": "100 m2",
    "t": "1000 kg", "bar": "100000 Pa", "u": "1.66053906660 10*-24.g", "eV": "1.602176634 10*-19.J",
    "pc": "3.085678 10*16.m", "kat": "1 mol/s", "U": "1 umol/min", "eq": "1 mol", "osm": "1 mol",
    "cal": "4.184 J", "cal_th": "4.184 J", "m[H2O]": "9.80665 kPa",
    "m[Hg]": "133.3220 kPa", "B": None, "Np": None, "bit": None, "By": "8 bit", "Bd": None,
    "[iU]": None, "[IU]": "1 [iU]", "mho": "1 S", "dyn": "1 g.cm/s2", "erg": "1 dyn.cm",
    "P": "1 dyn.s/cm2", "St": "1 cm2/s", "Ci": "37000000000 Bq", "R": "2.58 10*-4.C/kg",
    "RAD": "100 erg/g", "REM": "1 RAD", "Cel": None, "st": "1 m3", "g%": "1 g/dl", "tex": "1 g/km",
}  # fmt: skip
_OTHERS = {
    "10*": "10", "10^": "10", "%": "0.01", "[ppth]": "0.001", "[ppm]": "10*-6", "[ppb]": "10*-9",
    "[pptr]": "10*-12", "[pi]": "3.1415926535897932384626433832795028841971693993751058209749445923",
    "min": "60 s", "h": "60 min", "d": "24 h", "wk": "7 d", "a": "365.25 d", "a_j": "365.25 d",
    "a_t": "365.24219 d", "a_g": "365.2425 d", "mo": "30.4375 d", "mo_j": "30.4375 d",
    "mo_g": "30.436875 d", "mo_s": "29.53059 d",
    "deg": "2 [pi].rad/360", "'": "1 deg/60", "''": "1 '/60", "gon": "0.9 deg", "circ": "2 [pi].rad",
    "[in_i]": "2.54 cm", "[ft_i]": "12 [in_i]", "[yd_i]": "3 [ft_i]", "[mi_i]": "5280 [ft_i]",
    "[nmi_i]": "1852 m", "[mi_us]": "5280 [ft_us]", "[ft_us]": "1200 m/3937", "[in_us]": "1 [ft_us]/12",
    "[kn_i]": "1 [nmi_i]/h", "[sin_i]": "1 [in_i]2", "[cin_i]": "1 [in_i]3", "[sft_i]": "1 [ft_i]2",
    "[cft_i]": "1 [ft_i]3", "[acr_us]": "160 [rd_us]2", "[rd_us]": "16.5 [ft_us]",
    "[lb_av]": "7000 [gr]", "[oz_av]": "1 [lb_av]/16", "[gr]": "64.79891 mg", "[dr_av]": "1 [oz_av]/16",
    "[ston_av]": "2000 [lb_av]", "[lcwt_av]": "112 [lb_av]", "[lton_av]": "20 [lcwt_av]",
    "[stone_av]": "14 [lb_av]", "[oz_tr]": "20 [pwt_tr]", "[pwt_tr]": "24 [gr]", "[lb_tr]": "12 [oz_tr]",
    "[sc_ap]": "20 [gr]", "[dr_ap]": "3 [sc_ap]", "[oz_ap]": "8 [dr_ap]",
    "[gal_us]": "231 [in_i]3", "[qt_us]": "1 [gal_us]/4", "[pt_us]": "1 [qt_us]/2", "[cup_us]": "16 [tbs_us]",
    "[foz_us]": "1 [pt_us]/16", "[tbs_us]": "1 [foz_us]/2", "[tsp_us]": "1 [tbs_us]/3",
    "[fdr_us]": "1 [foz_us]/8", "[min_us]": "1 [fdr_us]/60", "[tsp_m]": "5 ml", "[tbs_m]": "15 ml",
    "[foz_m]": "30 ml", "[cup_m]": "240 ml", "[gal_br]": "4.54609 l", "[pt_br]": "1 [gal_br]/8",
    "[foz_br]": "1 [pt_br]/20", "[in_i'Hg]": "25.4 mm[Hg]", "[in_i'H2O]": "25.4 mm[H2O]",
    "atm": "101325 Pa", "[psi]": "1 [lbf_av]/[sin_i]", "[lbf_av]": "1 [lb_av].[g]",
    "[g]": "9.80665 m/s2", "[Btu]": "1.05435 kJ", "[Cal]": "1 kcal_th", "[HP]": "550 [ft_i].[lbf_av]/s",
    "[Ch]": "1 mm/3", "[diop]": "1 m-1", "[car_m]": "0.2 g", "[c]": "299792458 m/s",
    "[arb'U]": None, "[USP'U]": None, "[GPL'U]": None, "[MPL'U]": None, "[APL'U]": None,
    "[beth'U]": None, "[todd'U]": None, "[dye'U]": None, "[smgy'U]": None, "[bdsk'U]": None,
    "[ka'U]": None, "[knk'U]": None, "[mclg'U]": None, "[tb'U]": None, "[CCID_50]": None,
    "[TCID_50]": None, "[EID_50]": None, "[PFU]": None, "[FFU]": None, "[CFU]": None, "[IR]": None,
    "[BAU]": None, "[AU]": None, "[Amb'a'1'U]": None, "[PNU]": None, "[Lf]": None, "[D'ag'U]": None,
    "[FEU]": None, "[ELU]": None, "[EU]": None, "[anti'Xa'U]": None, "[S]": "10*-13.s",
    "[HPF]": None, "[LPF]": "100 [HPF]", "[drp]": "1 ml/20", "[MET]": "3.5 ml/min/kg", "[pH]": None,
    "[hnsf'U]": None, "[degF]": None, "[degRe]": None,
    "[mesh_i]": "1 [in_i]-1", "[hd_i]": "4 [in_i]", "[hp'_X]": None, "[p'diop]": None,
}  # fmt: skip
_DEFINED = _METRIC | _OTHERS
# Temperatures have their zero elsewhere: kelvin = value * factor + offset.
_OFFSET_UNITS = {
    "Cel": (Fraction(1), Fraction("273.15")),
    "[degF]": (Fraction(5, 9), Fraction("459.67") * Fraction(5, 9)),
}

_TERM = re.compile(
    r"(?P<open>\()|(?P<close>\))|(?P<sign>[./])|(?P<note>\{[^{}]*\})"
    r"|(?P<number>\d+(?:\.\d+)?)(?![*^\d])"
    r"|(?P<atom>10[*^]|%|''?|(?:[A-Za-z_]*\[[^\[\]]+\]|[A-Za-z]+(?:_[a-z]+)?%?))(?P<power>[+-]?\d+)?"
)


class UnknownUnit(ValueError):
    """A unit that is not in the table, or no unit at all."""


class Unit:
    """A unit in base units: `value * factor + offset` of `base` (a product of powers in one spelling, "1" for a number)."""

    __slots__ = ("_decimal", "base", "factor", "offset")

    def __init__(self, factor: Fraction, base: str, offset: Fraction = Fraction(0)) -> None:
        self.factor = factor
        self.base = base
        self.offset = offset
        self._decimal = _exact(factor) if offset == 0 else None

    def convert(self, value: Decimal) -> Decimal:
        """`value` of this unit in base units, rounded to 34 digits."""
        if self._decimal is not None:
            return _DIGITS.multiply(value, self._decimal)
        result = Fraction(value) * self.factor + self.offset
        return _DIGITS.divide(Decimal(result.numerator), Decimal(result.denominator))


def _exact(factor: Fraction) -> Decimal | None:
    """`factor` as a decimal, if it is one: then a conversion is one multiplication."""
    quotient = _DIGITS.divide(Decimal(factor.numerator), Decimal(factor.denominator))
    return quotient if Fraction(quotient) == factor else None


@for_short_texts(4096)
def unit(code: str) -> Unit | None:
    """The unit that a UCUM code says (case-sensitive), or None where it is not known."""
    if code in _OFFSET_UNITS:
        factor, offset = _OFFSET_UNITS[code]
        return Unit(factor, "K", offset)
    try:
        factor, powers = _read(code)
    except (UnknownUnit, ZeroDivisionError):
        return None
    if not 1 / _MOST_FACTOR <= factor <= _MOST_FACTOR:
        return None
    spelled = ".".join(f"{name}{power if power != 1 else ''}" for name, power in powers)
    return Unit(factor, spelled or "1")


def _read(code: str) -> tuple[Fraction, Powers]:
    if not code or len(code) > 200:
        raise UnknownUnit(code[:80])
    tokens = _tokens(code)
    value, rest = _expression(tokens, 0)
    if rest != len(tokens):
        raise UnknownUnit(code)
    return value


def _tokens(code: str) -> list[re.Match[str]]:
    found: list[re.Match[str]] = []
    position = 0
    while position < len(code):
        match = _TERM.match(code, position)
        if match is None:
            raise UnknownUnit(code)
        found.append(match)
        position = match.end()
    return found


def _expression(tokens: list[re.Match[str]], at: int) -> tuple[tuple[Fraction, Powers], int]:
    """`a.b/c`, from the left. A leading `/` divides one by what follows."""
    factor = Fraction(1)
    powers: dict[str, int] = {}
    sign = 1
    expects = True
    while at < len(tokens) and tokens[at]["close"] is None:
        token = tokens[at]
        if token["sign"]:
            if expects and not (token["sign"] == "/" and at == 0):
                raise UnknownUnit(token.string)
            sign = -1 if token["sign"] == "/" else 1
            expects, at = True, at + 1
            continue
        if token["open"]:
            (worth, of), at = _expression(tokens, at + 1)
            if at >= len(tokens):
                raise UnknownUnit(token.string)
            at += 1
        else:
            if not expects and not token["note"]:
                raise UnknownUnit(token.string)
            worth, of = _component(token)
            at += 1
        factor *= worth**sign
        for name, power in of:
            powers[name] = powers.get(name, 0) + power * sign
        expects = False
    if expects:
        raise UnknownUnit("")
    return (factor, tuple(sorted((n, p) for n, p in powers.items() if p))), at


def _component(token: re.Match[str]) -> tuple[Fraction, Powers]:
    if token["note"]:
        return Fraction(1), ()
    if token["number"]:
        return Fraction(token["number"]), ()
    power = int(token["power"] or 1)
    if abs(power) > _MOST_POWER:
        raise UnknownUnit(token.string)
    factor, powers = _atom(token["atom"])
    return factor**power, tuple((name, p * power) for name, p in powers)


@for_short_texts(1024)
def _atom(name: str) -> tuple[Fraction, Powers]:
    """An atom, with or without a prefix, in base units."""
    if name in _DEFINED and name not in _OFFSET_UNITS:
        return _defined(name)
    for length in (1, 2):
        prefix, metric = name[:length], name[length:]
        if prefix in _PREFIXES and metric in _METRIC and metric not in _OFFSET_UNITS:
            factor, powers = _defined(metric)
            return factor * Fraction(10) ** _PREFIXES[prefix], powers
    raise UnknownUnit(name)


def _defined(name: str) -> tuple[Fraction, Powers]:
    definition = _DEFINED[name]
    if definition is None:
        return Fraction(1), ((name, 1),)
    number, _, rest = definition.partition(" ")
    if not rest and not re.fullmatch(r"[\d.]+", number):
        return _read(number)
    factor, powers = _read(rest) if rest else (Fraction(1), ())
    return Fraction(number) * factor, powers
