"""What another dialer's history says beside a result reaches the gate: the voice, a message, a consent, the use."""

from __future__ import annotations

from pathlib import Path

import pytest

import compliance
from accounts import officer
from accounts.importing.history import load_history
from compliance.facts import HistoryEvent, NumberUse, Voice
from domain.phone import PhoneNumber

from .conftest import NOON, Floor

pytestmark = pytest.mark.store

HEAD = "account,phone,at,result,voice,message played,under consent"


def history(floor: Floor, folder: Path, *rows: str) -> list[HistoryEvent]:
    """The history the gate is given for the first account's number, after these rows were imported."""
    file = folder / "old.csv"
    file.write_text("\n".join([HEAD, *rows, ""]), encoding="utf-8")
    load_history(floor.store, file, "Acme", NOON, folder / "errors.csv")
    (known,) = floor.store.read(officer.facts_for_number, PhoneNumber("+12125560001"), NOON)
    return sorted(known.facts.history, key=lambda event: event.at)


@pytest.mark.parametrize(
    "row",
    [
        "A1,,2026-11-20T10:00:00Z,machine,robot,,",
        "A1,,2026-11-20T10:00:00Z,machine,,perhaps,",
        "A1,,2026-11-20T10:00:00Z,machine,,,?",
    ],
)
def test_a_word_that_is_not_understood_makes_the_row_unusable(floor: Floor, tmp_path: Path, row: str) -> None:
    floor.account(1)
    assert history(floor, tmp_path, row) == []
    assert "is not understood" in (tmp_path / "errors.csv").read_text("utf-8")


def test_voice_message_consent_and_use_come_with_imported_calls(floor: Floor, tmp_path: Path) -> None:
    floor.account(1)
    found = history(
        floor,
        tmp_path,
        "A1,,2026-11-20T10:00:00Z,machine,,,",
        "A1,2125560001,2026-11-20T11:00:00Z,machine,Recorded,no,0",
        "A1,2125560001,2026-11-20T12:00:00Z,dropped,live,YES,",
        "A1,2125560001,2026-11-20T13:00:00Z,no answer,,,true",
    )
    assert [(event.voice, event.message_left, event.under_consent, event.number_use) for event in found] == [
        (Voice.LIVE, False, False, NumberUse.HOME),
        (Voice.PRERECORDED, False, False, NumberUse.HOME),
        (Voice.LIVE, True, False, NumberUse.HOME),
        (Voice.LIVE, False, True, NumberUse.HOME),
    ]


def test_recorded_calls_of_another_dialer_count_toward_the_cap_on_landlines(floor: Floor, tmp_path: Path) -> None:
    floor.account(1)
    rows = [f"A1,2125560001,2026-11-2{day}T10:00:00Z,machine,prerecorded,," for day in (0, 1, 2)]
    assert len(history(floor, tmp_path, *rows)) == 3
    (known,) = floor.store.read(officer.facts_for_number, PhoneNumber("+12125560001"), NOON)
    policy = compliance.load_policy()
    assert "NO_PRERECORDED_FALLBACK" in compliance.decide(known.facts, policy).flags
