"""The trailing attempts of another dialer, as contacts that count toward the caps from the first call on.

A row names an account or a phone, an instant and a result. The same contact is written once, however often the file
comes; a row that cannot be used is listed, and nothing is guessed: a history that is counted short breaks the law.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, func, select

from accounts import journal
from accounts.errors import ImportRefusedError, NotFoundError
from accounts.importing.errors_file import ErrorsFile
from accounts.importing.reader import open_source
from accounts.importing.rows import RowError
from accounts.journal import Contact
from accounts.store import Store
from accounts.tables import attempt_outcomes, attempts, clients, contacts, debts, phones
from compliance.facts import NEVER_CONNECTED, Channel, Direction, Result
from domain import phone
from domain.ids import DebtId, PersonId
from domain.phone import PhoneNumber, PhoneNumberError

BATCH: Final = 500
SHOWN: Final = (4, 5, 6, 7)
_COLUMNS: Final[Mapping[str, str]] = {
    "account": "account accountnumber accountno accountid debtid",
    "phone": "phone phonenumber number telephone called dialed",
    "at": "at time calledat calltime datetime timestamp startedat",
    "result": "result outcome disposition status",
    "channel": "channel",
    "direction": "direction",
    "voice": "voice callertype voicetype",
    "message": "message messageleft messageplayed abandonmessage",
    "consent": "underconsent consent directconsent",
}
_BY_NAME: Final = {name: field for field, names in _COLUMNS.items() for name in names.split()}
_RESULTS: Final[Mapping[str, Result]] = {
    **{result.value.replace("_", ""): result for result in Result},
    "na": Result.NO_ANSWER,
    "noanswer": Result.NO_ANSWER,
    "ringnoanswer": Result.NO_ANSWER,
    "answeringmachine": Result.MACHINE,
    "am": Result.MACHINE,
    "voicemail": Result.VOICEMAIL_LEFT,
    "leftmessage": Result.VOICEMAIL_LEFT,
    "dropped": Result.ABANDONED,
    "hangup": Result.LIVE_HANGUP,
    "invalidnumber": Result.SIT,
    "rpc": Result.CONVERSATION,
    "rightparty": Result.CONVERSATION,
    "rightpartycontact": Result.CONVERSATION,
    "contact": Result.CONVERSATION,
    "spoke": Result.CONVERSATION,
    "ptp": Result.CONVERSATION,
    "promise": Result.CONVERSATION,
    "wrongparty": Result.WRONG_NUMBER,
}
_DIRECTIONS: Final = {"": "out", "out": "out", "outbound": "out", "in": "in", "inbound": "in"}


_VOICES: Final = {"": False, "live": False, "agent": False, "prerecorded": True, "recorded": True, "artificial": True}
_FLAGS: Final = {"": False, "no": False, "false": False, "0": False, "yes": True, "true": True, "1": True}


@dataclass(frozen=True, slots=True)
class HistoryReport:
    """What an import of history did: rows read, contacts new and known before, rows that cannot be used."""

    rows: int
    new: int
    same: int
    bad: int
    debts: frozenset[DebtId]


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    account: str
    phone: PhoneNumber | None
    at: datetime
    result: Result
    channel: Channel
    direction: Direction
    recorded: bool
    message: bool
    consent: bool


class _UnusableError(Exception):
    """A cell that cannot be used: column, value, what is wrong, what to do."""


def load_history(
    store: Store, path: Path, client: str, now: datetime, errors: Path, zone: ZoneInfo | None = None
) -> HistoryReport:
    """Write the file's contacts that are not in the store yet.

    Args:
        zone: of instants without an offset; None refuses such rows.

    Raises:
        ImportRefusedError: the file is no CSV with an instant, a result and an account or a phone in each row.
        NotFoundError: no client of that name.
    """
    source = open_source(path)
    columns = _map(source.header)
    client_id = store.read(_client, client)
    rows = new = same = bad = 0
    touched: set[DebtId] = set()
    with ErrorsFile(errors) as listed:
        batch: list[_Row] = []

        def flush() -> None:
            nonlocal new, same, bad
            written, known, lost, about = store.write(_apply, client_id, batch)
            new, same, bad = new + written, same + known, bad + len(lost)
            touched.update(about)
            for error in lost:
                listed.add(error)
            batch.clear()

        for number, cells in source.rows():
            rows += 1
            try:
                batch.append(_read(number, cells, columns, now, zone))
            except _UnusableError as error:
                bad += 1
                listed.add(RowError(number, *error.args))
            if len(batch) >= BATCH:
                flush()
        flush()
    return HistoryReport(rows, new, same, bad, frozenset(touched))


def _client(tx: Connection, name: str) -> int:
    found: int | None = tx.execute(select(clients.c.id).where(clients.c.name == name)).scalar_one_or_none()
    if found is None:
        raise NotFoundError("there is no client of that name; import its accounts first")
    return found


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.casefold())


def _map(header: Sequence[str]) -> Mapping[str, int]:
    columns: dict[str, int] = {}
    for position, text in enumerate(header):
        field = _BY_NAME.get(_plain(text))
        if field in columns:
            raise ImportRefusedError(f"two columns look like {field}; rename or remove one")
        if field is not None:
            columns[field] = position
    if "at" not in columns or "result" not in columns or not columns.keys() & {"account", "phone"}:
        raise ImportRefusedError("columns at, result, and account or phone are needed; rename those of the file")
    return columns


def _read(number: int, cells: Sequence[str], columns: Mapping[str, int], now: datetime, zone: ZoneInfo | None) -> _Row:
    cell = {field: cells[place].strip() if place < len(cells) else "" for field, place in columns.items()}
    result = _RESULTS.get(_plain(cell["result"]))
    if result is None:
        raise _UnusableError("result", cell["result"], "is no known result", f"use one of: {', '.join(Result)}")
    direction = _DIRECTIONS.get(cell.get("direction", "").casefold())
    if direction is None:
        raise _UnusableError("direction", cell["direction"], "is no direction", "write out or in")
    channel = cell.get("channel", "").casefold() or Channel.CALL
    if channel not in set(Channel):
        raise _UnusableError("channel", channel, "is no channel", f"use one of: {', '.join(Channel)}")
    account, called = cell.get("account", ""), cell.get("phone", "")
    if not account and not called:
        raise _UnusableError("", "", "neither account nor phone is given", "fill in one of them")
    try:
        parsed = phone.parse(called) if called else None
    except PhoneNumberError as error:
        raise _UnusableError("phone", called, str(error), "correct it, or remove the row") from error
    at = _instant(cell["at"], now, zone)
    recorded = _word("voice", cell, _VOICES, "write live or prerecorded")
    message, consent = (_word(field, cell, _FLAGS, "write yes or no") for field in ("message", "consent"))
    sides = Channel(channel), Direction(direction)
    return _Row(number, account, parsed, at, result, *sides, recorded, message, consent)


def _word(field: str, cell: Mapping[str, str], words: Mapping[str, bool], advice: str) -> bool:
    text = cell.get(field, "")
    found = words.get(_plain(text))
    if found is None or (text and not _plain(text)):
        raise _UnusableError(field, text, "is not understood", advice)
    return found


def _instant(text: str, now: datetime, zone: ZoneInfo | None) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise _UnusableError("at", text, "is no instant", "write it as 2026-11-30T14:05:00-05:00") from error
    if at.tzinfo is None:
        if zone is None:
            raise _UnusableError("at", text, "has no offset", "add one, as -05:00, or name the zone with --zone")
        at = at.replace(tzinfo=zone)
    if at > now:
        raise _UnusableError("at", text, "is in the future", "check the offset or the zone")
    return at.astimezone(UTC)


def _apply(tx: Connection, client: int, batch: Sequence[_Row]) -> tuple[int, int, list[RowError], set[DebtId]]:
    new = same = 0
    lost: list[RowError] = []
    touched: set[DebtId] = set()
    for row in batch:
        about = _debts(tx, client, row)
        if not about:
            value = row.account or (row.phone.e164 if row.phone else "")
            lost.append(
                RowError(row.number, "account", value, "is no account of this client", "import the accounts first")
            )
        for debt, person in about:
            touched.add(debt)
            number = row.phone
            contact = Contact(
                row.at,
                row.result,
                row.direction,
                row.channel,
                number,
                person,
                debt,
                recorded=row.recorded,
                message_left=row.message,
                under_consent=row.consent,
            )
            if _is_known(tx, contact):
                same += 1
            else:
                journal.record_contact(tx, contact)
                new += 1
    return new, same, lost, touched


def _debts(tx: Connection, client: int, row: _Row) -> Sequence[tuple[DebtId, PersonId]]:
    """The debt of an account; for a phone alone every debt of the persons there: each may have been the one."""
    statement = select(debts.c.id, debts.c.person_id).where(debts.c.client_id == client).order_by(debts.c.id)
    if row.account:
        statement = statement.where(debts.c.account == row.account)
    elif row.phone is not None:
        there = select(phones.c.person_id).where(phones.c.e164 == row.phone.e164)
        statement = statement.where(debts.c.person_id.in_(there))
    return [(DebtId(found.id), PersonId(found.person_id)) for found in tx.execute(statement)]


def _is_known(tx: Connection, contact: Contact) -> bool:
    same = select(contacts.c.id).where(
        contacts.c.person_id == contact.person,
        contacts.c.at == contact.at,
        contacts.c.debt_id == contact.debt,
        contacts.c.result == contact.result,
        contacts.c.channel == contact.channel,
        contacts.c.direction == contact.direction,
        contacts.c.number.is_(None) if contact.number is None else contacts.c.number == contact.number.e164,
    )
    return tx.execute(same.limit(1)).first() is not None


@dataclass(frozen=True, slots=True)
class NearCap:
    """Who is near a cap: by 4, 5, 6, 7 (or more) calls in 7 days, ours among them; debts in the cool-off."""

    debts: Counter[int]
    persons: Counter[int]
    talked: int


_LAST_OUTCOME: Final = (
    select(attempt_outcomes.c.outcome)
    .where(attempt_outcomes.c.attempt_id == attempts.c.id)
    .order_by(attempt_outcomes.c.seq.desc())
    .limit(1)
    .scalar_subquery()
)
_OURS: Final = select(
    attempts.c.debt_id,
    attempts.c.person_id,
    attempts.c.reserved_at.label("at"),
    attempts.c.number,
    func.coalesce(_LAST_OUTCOME, Result.UNKNOWN.value).label("result"),
).where(attempts.c.reserved_at >= bindparam("since"))


def near_cap(tx: Connection, now: datetime, about: frozenset[DebtId]) -> NearCap:
    """Count the calls of the last 7 days; those that never connected do not count, as in Regulation F.

    An attempt of ours without an outcome counts.
    """
    by_debt: Counter[int] = Counter()
    by_person: set[tuple[int, datetime, str | None]] = set()  # one call may stand under several debts
    talked: set[int] = set()
    since = now - timedelta(days=7)
    imported = select(
        contacts.c.debt_id, contacts.c.person_id, contacts.c.at, contacts.c.number, contacts.c.result
    ).where(contacts.c.at >= since, contacts.c.direction == "out", contacts.c.channel == "call")
    for row in (*tx.execute(imported), *tx.execute(_OURS, {"since": since})):
        if row.debt_id not in about or row.result in NEVER_CONNECTED:
            continue
        by_debt[row.debt_id] += 1
        by_person.add((row.person_id, row.at, row.number))
        if row.result == Result.CONVERSATION:
            talked.add(row.debt_id)
    return NearCap(_from_four(by_debt), _from_four(Counter(person for person, _, _ in by_person)), len(talked))


def _from_four(calls: Counter[int]) -> Counter[int]:
    return Counter(min(count, SHOWN[-1]) for count in calls.values() if count >= SHOWN[0])
