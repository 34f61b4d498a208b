"""Which column of a file means what: guessed from its header, or told."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from accounts.errors import ImportRefusedError


class Field(StrEnum):
    """What a column can hold."""

    ACCOUNT = "account"
    REFERENCE = "reference"
    NAME = "name"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    PHONE = "phone"
    PHONE_2 = "phone_2"
    PHONE_3 = "phone_3"
    PHONE_TYPE = "phone_type"
    PHONE_USE = "phone_use"
    ZIP = "zip"
    STATE = "state"
    CITY = "city"
    COUNTRY = "country"
    LATITUDE = "latitude"
    LONGITUDE = "longitude"
    BALANCE = "balance"
    CURRENCY = "currency"
    KIND = "kind"
    LOAN_ACCOUNT = "loan_account"
    LAST_PURCHASE = "last_purchase"
    LAST_INQUIRY = "last_inquiry"
    STATUS = "status"
    PRIORITY = "priority"
    SUPPRESS = "suppress"


PHONES: Final = (Field.PHONE, Field.PHONE_2, Field.PHONE_3)
REQUIRED: Final = (Field.ACCOUNT, Field.PHONE, Field.BALANCE)

_SYNONYMS: Final[Mapping[Field, str]] = {
    Field.ACCOUNT: "account accountnumber accountno accountid accountref accountreference debtid debtref loannumber "
    "casenumber filenumber kontonummer aktenzeichen",
    Field.REFERENCE: "reference personid personref personreference customerid customerref customerreference consumerid "
    "clientref debtorid debtorref",
    Field.NAME: "name fullname personname customername debtorname consumername contact",
    Field.FIRST_NAME: "firstname givenname forename vorname",
    Field.LAST_NAME: "lastname surname familyname nachname",
    Field.PHONE: "phone phone1 phonenumber telephone tel mobile mobilephone cell cellphone homephone primaryphone "
    "number telefon",
    Field.PHONE_2: "phone2 secondaryphone altphone alternatephone otherphone workphone",
    Field.PHONE_3: "phone3 thirdphone altphone2",
    Field.PHONE_TYPE: "phonetype linetype type1 phone1type",
    Field.PHONE_USE: "phoneuse phone1use use",
    Field.ZIP: "zip zipcode postalcode postcode plz",
    Field.STATE: "state province region stateprovince",
    Field.CITY: "city town locality ort",
    Field.COUNTRY: "country countrycode land",
    Field.LATITUDE: "latitude lat",
    Field.LONGITUDE: "longitude lon lng long",
    Field.BALANCE: "balance amount amountdue balancedue currentbalance outstanding debtamount betrag",
    Field.CURRENCY: "currency currencycode",
    Field.KIND: "kind debttype debtkind producttype",
    Field.LOAN_ACCOUNT: "loanaccount servicingaccount loangroup",
    Field.LAST_PURCHASE: "lastpurchase lastpurchaseat lastpurchasedate lasttransaction lasttransactiondate",
    Field.LAST_INQUIRY: "lastinquiry lastinquiryat lastinquirydate",
    Field.STATUS: "status accountstatus",
    Field.PRIORITY: "priority score rank propensity",
    Field.SUPPRESS: "suppress suppression dnc donotcall donotcontact",
}
_BY_SYNONYM: Final = {word: field for field, words in _SYNONYMS.items() for word in words.split()}

ColumnMap = Mapping[Field, int]
"""Field to position in the row."""


def map_columns(header: Sequence[str], told: Mapping[str, str] | None = None) -> ColumnMap:
    """Decide what each column means.

    Args:
        header: the file's first row.
        told: field name to header text, for columns the guess gets wrong; wins over the guess.

    Raises:
        ImportRefusedError: two columns share a name or a meaning, a told column is not there, or one that is needed
            cannot be found.
    """
    _refuse_doubles(header)
    chosen = {field: header.index(text) for field, text in _told(header, told or {}).items()}
    for position, text in enumerate(header):
        field = _BY_SYNONYM.get(_plain(text))
        if field is None or position in chosen.values() or (told and field.value in told):
            continue
        if field in chosen:
            raise ImportRefusedError(
                f"columns {header[chosen[field]]!r} and {text!r} both look like {field}; "
                f"say which one is meant, as {field}={text!r}"
            )
        chosen[field] = position
    missing = [field for field in REQUIRED if field not in chosen]
    if missing:
        raise ImportRefusedError(
            f"no column for {', '.join(missing)}; name it, as {missing[0]}='<column>'; "
            f"the file has: {', '.join(repr(text[:40]) for text in header[:30])}"
        )
    if Field.NAME not in chosen and Field.LAST_NAME not in chosen:
        raise ImportRefusedError("no column for name or last_name; name one, as name='<column>'")
    return chosen


def _told(header: Sequence[str], told: Mapping[str, str]) -> Mapping[Field, str]:
    known = {field.value for field in Field}
    for name, text in told.items():
        if name not in known:
            raise ImportRefusedError(f"{name!r} is no field; the fields are: {', '.join(Field)}")
        if text not in header:
            raise ImportRefusedError(
                f"the file has no column {text!r}; it has: {', '.join(repr(name[:40]) for name in header[:30])}"
            )
    return {Field(name): text for name, text in told.items()}


def _refuse_doubles(header: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for text in header:
        plain = _plain(text)
        if plain and plain in seen:
            raise ImportRefusedError(f"two columns are named {text!r}; rename or remove one")
        seen[plain] = text


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.casefold())
