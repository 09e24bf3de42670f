"""How pages print: times in the site's zone, numbers by language, cells in millions, codes in threes."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from babel.numbers import format_decimal
from flask import Flask, g, has_request_context
from flask_babel import format_date
from markupsafe import Markup

from mscbank.coding import short
from mscbank.core import access, clock
from mscbank.core.i18n import _, language
from mscbank.core.instance import instance
from mscbank.core.types import decimal_of

NBSP = "\u00a0"
MILLION = 10**6


def local(instant: datetime | None) -> str:
    """13 Oct 2026, 14:32 in the zone of the installation; 13 oct. 2026, 14 h 32 in French."""
    if instant is None:
        return "–"
    there = instant.astimezone(ZoneInfo(instance().zone))
    hour = there.strftime(f"%H{NBSP}h{NBSP}%M") if language() == "fr" else there.strftime("%H:%M")
    return f"{day(there.date())}, {hour}"


def day(value: date | None) -> str:
    """13 Oct 2026."""
    return "–" if value is None else str(format_date(value, "d MMM y")).replace(" ", NBSP)


def person(login: str | None) -> str:
    """The printed name of a login, read once a request; the login of whoever has no account."""
    if not login:
        return "–"
    if not has_request_context():
        return access.printed_names().get(login, login)
    if "printed_names" not in g:
        g.printed_names = access.printed_names()
    found: str = g.printed_names.get(login, login)
    return found


def num(value: Any, places: int | None = None) -> str:
    """A number by language; with ``places`` rounded half up for display."""
    if value is None:
        return "–"
    number = Decimal(value) if isinstance(value, (int, Decimal)) else value
    if isinstance(number, Fraction) or places is not None:
        number = decimal_of(Fraction(number), 3 if places is None else places)
    shown = format(number, "f")
    digits = len(shown.partition(".")[2])
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    text = str(format_decimal(number, pattern, locale=language(), decimal_quantization=False))
    return text.replace("-", "\u2212")


def million(cells: int | Fraction | None, places: int | None = None) -> str:
    """Cells in millions: 62.4 million. Full precision when ``places`` is not given."""
    if cells is None:
        return "–"
    amount = Fraction(cells) / MILLION
    if places is None:
        exact = Decimal(amount.numerator) / Decimal(amount.denominator)
        return f"{num(exact.normalize() + 0)}{NBSP}{_('million')}"
    return f"{num(amount, places)}{NBSP}{_('million')}"


def percent(value: Any, places: int | None = None) -> str:
    """95 %, with a space that does not break."""
    return "–" if value is None else f"{num(value, places)}{NBSP}%"


def kg(grams: int | None) -> str:
    """Grams as kilograms: 62.4 kg."""
    return "–" if grams is None else f"{num((Decimal(grams) / 1000).normalize() + 0)}{NBSP}kg"


def code(text: str | None) -> Markup:
    """A code in groups of three."""
    return Markup('<span class="code">{}</span>').format(short.group(text) if text else "–")


def now_local() -> str:
    """The site's date and time for the bar."""
    there = clock.now().astimezone(ZoneInfo(instance().zone))
    return f"{format_date(there.date(), 'EEE')} {local(there)}"


FILTERS: dict[str, Callable[..., Any]] = {
    "local": local, "day": day, "num": num, "million": million, "percent": percent, "kg": kg, "code": code,
    "person": person,
}  # fmt: skip


def init_app(app: Flask) -> None:
    """Give the filters to the templates."""
    app.jinja_env.filters.update(FILTERS)
