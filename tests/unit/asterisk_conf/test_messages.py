"""What recorded messages say: who, which number, how to stop it; never what about."""

from __future__ import annotations

import re

import pytest

from dialer.asterisk.errors import AsteriskError
from dialer.asterisk.messages import TEXTS, spoken_number, texts
from dialer.asterisk.settings import Identity
from domain.phone import PhoneNumber

pytestmark = pytest.mark.unit
IDENTITY = Identity("Acme Services", PhoneNumber("+12025550199"))
OF_DEBT = re.compile(
    r"debt|collect|account|balance|pay|owe|owing|amount|due|money|loan|credit|bill|invoice|bank|legal|court|attorney"
    r"|lawyer|arrears|delinquen|overdue|settle|dollar|financ|lend|mortgage|card|default|claim|obligation|urgent|past",
    re.IGNORECASE,
)


@pytest.mark.parametrize("file", sorted(TEXTS.glob("*.txt")), ids=lambda file: file.stem)
def test_no_shipped_text_reveals_a_debt(file) -> None:
    assert OF_DEBT.search(file.read_text()) is None


@pytest.mark.parametrize(
    "company", ["", "A\nB", "A;B", "[[foo]]", "<speak>", "x" * 81, "-w /etc/passwd", "Acme {number}"]
)
def test_a_company_name_that_cannot_be_said_is_refused(company: str) -> None:
    with pytest.raises(AsteriskError, match="spoken aloud"):
        texts(Identity(company, IDENTITY.number))


@pytest.mark.parametrize("name", ["safe-harbour", "identification"])
def test_name_number_and_the_way_out_are_said(name: str) -> None:
    text = texts(IDENTITY)[name]
    assert "Acme Services" in text
    assert "2 0 2, 5 5 5, 0 1 9 9" in text
    assert "press nine" in text


def test_the_dialplans_messages_exist() -> None:
    assert {"safe-harbour", "identification", "opt-out", "recording", "hold"} <= set(texts(IDENTITY))


def test_a_foreign_number_is_said_digit_by_digit() -> None:
    assert spoken_number(PhoneNumber("+442071234567")) == "4 4 2, 0 7 1, 2 3 4, 5 6 7"
