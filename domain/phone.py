"""A telephone number: parsed once at the edge, E.164 inside, masked whenever it is shown by accident."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import phonenumbers

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")


class PhoneNumberError(ValueError):
    """The text is not a telephone number that could be dialled. The message never repeats the text."""


@dataclass(frozen=True, slots=True, order=True)
class PhoneNumber:
    """An E.164 number. `str()` and `repr()` are masked; use `.e164` where the digits are meant."""

    e164: str

    def __post_init__(self) -> None:
        if _E164.fullmatch(self.e164) is None:
            raise PhoneNumberError("not an E.164 number: a plus sign and 7 to 15 digits are expected")

    @property
    def digits(self) -> str:
        """The number without its plus sign: what goes to a trunk and into a dialplan extension."""
        return self.e164[1:]

    @property
    def masked(self) -> str:
        """Country code and last two digits, the rest dots; for people who need to recognise, not to know."""
        keep = 2 if self.e164.startswith("+1") else 3
        return self.e164[:keep] + "•" * (len(self.e164) - keep - 2) + self.e164[-2:]

    def __str__(self) -> str:
        return self.masked

    def __repr__(self) -> str:
        return f"PhoneNumber({self.masked})"


def parse(text: str, region: str = "US") -> PhoneNumber:
    """Read a number as people write it.

    Args:
        text: the number, with or without country code and punctuation.
        region: ISO 3166 alpha-2 country whose national format is assumed when there is no plus sign.

    Raises:
        PhoneNumberError: not a possible number of any country; an extension is refused rather than dropped.
    """
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        raise PhoneNumberError("not a telephone number") from error
    if number.extension:
        raise PhoneNumberError("an extension cannot be dialled; give the number alone")
    if not phonenumbers.is_possible_number(number):
        raise PhoneNumberError("too short, too long or otherwise impossible for its country")
    return PhoneNumber(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
