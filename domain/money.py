"""Money as whole cents with a currency: never a float."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

_CURRENCY: Final = re.compile(r"[A-Z]{3}")


class MoneyError(ValueError):
    """The text is not an amount of money."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (cents) of an ISO 4217 currency."""

    cents: int
    currency: str = "USD"

    def __post_init__(self) -> None:
        if _CURRENCY.fullmatch(self.currency) is None:
            raise MoneyError("a currency is three capital letters, as USD")

    def __str__(self) -> str:
        sign = "-" if self.cents < 0 else ""
        return f"{sign}{abs(self.cents) // 100:,}.{abs(self.cents) % 100:02d} {self.currency}"


def parse(text: str, currency: str = "USD") -> Money:
    """Read "1,234.50" or "$1234.5" (comma for thousands, point for decimals).

    Raises:
        MoneyError: not a number, more than two decimals, or beyond any debt (10 digits before the point).
    """
    plain = text.strip().lstrip("$€£").replace(",", "").strip()
    try:
        value = Decimal(plain)
    except InvalidOperation as error:
        raise MoneyError("not an amount: digits with at most two decimals are expected") from error
    if not value.is_finite() or abs(value) >= 10**10:
        raise MoneyError("not an amount: out of range")
    cents = value * 100
    if cents != cents.to_integral_value():
        raise MoneyError("not an amount: more than two decimals")
    return Money(int(cents), currency)
