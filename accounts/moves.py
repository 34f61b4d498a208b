"""Carrying out events on list entries in SQL, always by the table in `entries`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Final

from sqlalchemy import ColumnElement, Connection, Update, bindparam, or_, update

from accounts.entries import EntryEvent, EntryState, sources, target
from accounts.tables import list_entries

NO_PHONE: Final = "no_phone"
"""The reason of an entry whose person has no usable phone left."""
CALLBACK: Final = "callback"
"""The reason of an entry that waits for an instant the person asked for."""
CALLBACK_PRIORITY: Final = 2_000_000_000
"""Before any other account: a promised call comes on time. The debt's own priority returns with the next outcome."""
_entries: Final = list_entries.c


@dataclass(frozen=True, slots=True)
class Move:
    """An event that happens to one entry, and what changes with it, by column."""

    entry: int
    event: EntryEvent
    values: Mapping[str, object]


def move(tx: Connection, entry: int, event: EntryEvent, **values: object) -> bool:
    """Carry out one event; False when the entry was in no state that knows it, and nothing changed."""
    return tx.execute(_move_one(event, tuple(values)), _keys(Move(entry, event, values))).rowcount == 1


def move_all(tx: Connection, moves: Sequence[Move]) -> None:
    """Carry out an event on each of several entries; on those that are in no state that knows it, nothing."""
    for (event, names), alike in groupby(sorted(moves, key=_kind), key=_kind):
        tx.execute(_move_one(EntryEvent(event), names), [_keys(one) for one in alike])


def _kind(one: Move) -> tuple[str, tuple[str, ...]]:
    return one.event.value, tuple(one.values)


def _keys(one: Move) -> dict[str, object]:
    return {"entry": one.entry, **{f"new_{name}": value for name, value in one.values.items()}}


@cache
def _move_one(event: EntryEvent, names: tuple[str, ...]) -> Update:
    """Built once for each event and set of columns: reservations are made of these."""
    known = or_(*(_entries.state == state for state in sources(event)))  # an IN would not go with many rows at once
    return (
        update(list_entries)
        .where(_entries.id == bindparam("entry"), known)
        .values(state=target(event).value, **{name: bindparam(f"new_{name}") for name in names})
    )


def move_debt(tx: Connection, debt: int, event: EntryEvent, **values: object) -> int:
    """Carry out one event on a debt's entries in every campaign; how many moved."""
    return _apply(tx, _entries.debt_id == debt, event, **values)


def revive_person(tx: Connection, person: int) -> int:
    """Make a person's parked entries ready again, because a fact has changed that may lift the block."""
    parked = (_entries.person_id == person) & (_entries.state == EntryState.PARKED.value)
    return _apply(tx, parked, EntryEvent.REOPEN, reason=None, last_block=None, blocked_phones=0)


def revive_phoneless(tx: Connection, person: int, phone: int) -> int:
    """Make entries ready again that had run out of usable phones, now that there is one."""
    phoneless = (_entries.person_id == person) & (_entries.reason == NO_PHONE)
    return _apply(tx, phoneless, EntryEvent.REOPEN, phone_id=phone, reason=None, last_block=None, blocked_phones=0)


def _apply(tx: Connection, which: ColumnElement[bool], event: EntryEvent, **values: object) -> int:
    statement = (
        update(list_entries)
        .where(which, _entries.state.in_(sources(event)))
        .values(state=target(event).value, **values)
    )
    return tx.execute(statement).rowcount
