"""The last look at a number before it leaves: the second wall behind the compliance gate, and blind to everything else.

It refuses emergency, service, short, premium and shared-cost numbers, countries that are not listed, and any trunk
that leaves this machine unless it was declared live. The gate refuses the same for its own reasons; neither trusts the
other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumberType

from dialer.asterisk.settings import SipTrunk
from domain.phone import PhoneNumber

_NORTH_AMERICA: Final = 1
_NO_PLAN: Final = "the number belongs to no country's numbering plan; correct the account"
_SPECIAL: Final = "premium, shared-cost and special numbers are never called; correct the account"
_PREMIUM_EXCHANGE: Final = "976"
_CALLABLE: Final = frozenset(
    {
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.VOIP,
        PhoneNumberType.TOLL_FREE,
    }
)


class RefusedNumberError(Exception):
    """The call may not be placed. The text says why and what to do, and never repeats the number."""


@dataclass(frozen=True, slots=True)
class NumberWall:
    """What may be called at all.

    Attributes:
        countries: ISO 3166 alpha-2 codes that may be called; every territory of the North American plan has its own.
        live_trunks: names of trunks on which real calls were allowed by a named person (`trunk.live`).
    """

    countries: frozenset[str]
    live_trunks: frozenset[str] = frozenset()

    def check(self, number: PhoneNumber, trunk: SipTrunk) -> None:
        """Let the call pass.

        Raises:
            RefusedNumberError: it may not be placed.
        """
        if not trunk.is_loopback and trunk.name not in self.live_trunks:
            raise RefusedNumberError(
                f"trunk {trunk.name} leaves this machine and is not live; set trunk.live = true to call real people"
            )
        try:
            parsed = phonenumbers.parse(number.e164)
        except phonenumbers.NumberParseException as error:
            raise RefusedNumberError(_NO_PLAN) from error
        national = phonenumbers.national_significant_number(parsed)
        if parsed.country_code == _NORTH_AMERICA:
            _check_north_american(national)
        region = phonenumbers.region_code_for_number(parsed)
        if region is None:
            raise RefusedNumberError(_NO_PLAN)
        if phonenumbers.connects_to_emergency_number(national, region):
            raise RefusedNumberError("the number would reach an emergency service; correct the account")
        if region not in self.countries:
            raise RefusedNumberError(f"{region} is not among the countries that may be called; see dialing.countries")
        if phonenumbers.number_type(parsed) not in _CALLABLE:
            raise RefusedNumberError(_SPECIAL)


def _check_north_american(national: str) -> None:
    area, exchange = national[:3], national[3:6]
    if area[1:] == "11" or exchange[1:] == "11":
        raise RefusedNumberError("N11 codes (411, 911 and the like) are services, not people; correct the account")
    if exchange == _PREMIUM_EXCHANGE:
        raise RefusedNumberError(_SPECIAL)
