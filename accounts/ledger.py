"""The attempts ledger: reserving a call, and recording how it ended. Append-only.

`reserve` is the only way to an attempt. In one transaction it locks the persons and then the numbers, reads the
counting facts again, lets the gate decide on them, and writes decisions and attempts together; an Originate may be sent
only after that transaction is committed. An attempt without an outcome counts as made.

Both work on several at a time: what a call costs here is the number of its statements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import takewhile
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Integer, bindparam, insert, select, update

from accounts import facts as fact_reader
from accounts.dialect import insert_or_ignore, lock_persons_then_numbers
from accounts.entries import EntryEvent, EntryState, target
from accounts.fact_rows import AnyRow, Context, contexts
from accounts.facts import Gathered, Question
from accounts.model import (
    CampaignStatus,
    Claim,
    Refusal,
    RefusalCause,
    Reservation,
    ReserveRequest,
    Ruling,
    Screened,
)
from accounts.moves import move
from accounts.phone_order import phone_after, usable_phones
from accounts.tables import (
    attempts,
    decisions,
    list_entries,
    open_attempts,
    owned_number_days,
    owned_numbers,
)
from compliance.facts import CallFacts
from compliance.wire import facts_json
from domain.ids import AttemptId, new_attempt_id
from domain.mode import Mode
from domain.reasons import Reason, ReasonCode

OPEN_AT_MOST: Final = timedelta(hours=4)
"""An attempt without an outcome keeps others off the same person at most this long; it counts toward caps for ever."""
IN_CALL_RETRY: Final = timedelta(minutes=1)
ABOUT_THE_NUMBER: Final = frozenset(
    {
        ReasonCode.NUMBER_CLASS,
        ReasonCode.COUNTRY_ROUTE,
        ReasonCode.WRONG_NUMBER,
        ReasonCode.REASSIGNED,
        ReasonCode.INTERNAL_DNC,
        ReasonCode.NATIONAL_DNC,
        ReasonCode.LITIGATOR,
        ReasonCode.WORKPLACE,
    }
)
"""Blocks for good that another phone of the same person may escape."""

_entries = list_entries.c
_TO_DIALING: Final = (
    update(list_entries)
    .where(_entries.id.in_(bindparam("entries", expanding=True)))
    .values(
        state=target(EntryEvent.RESERVE).value,
        attempts=_entries.attempts + 1,
        reason=None,
        last_block=None,
        blocked_phones=0,
    )
)
_INSERT_DECISION: Final = insert(decisions)
_INSERT_ATTEMPT: Final = insert(attempts)
_INSERT_OPEN: Final = insert(open_attempts)
_OWNED: Final = select(owned_numbers).where(owned_numbers.c.e164.in_(bindparam("numbers", expanding=True)))
_COUNT_CALLER_ID: Final = (
    update(owned_number_days)
    .where(
        owned_number_days.c.e164 == bindparam("number"),
        owned_number_days.c.day == bindparam("on"),
        owned_number_days.c.used + bindparam("more", type_=Integer) <= bindparam("cap"),
    )
    .values(used=owned_number_days.c.used + bindparam("more", type_=Integer))
)


def reserve(tx: Connection, request: ReserveRequest, decide: Callable[[CallFacts], Ruling]) -> Reservation | Refusal:
    """Make an attempt durable before anything is sent, if the gate allows it on the facts of this moment.

    A refusal `blocked` or `in_call` has already moved the account; after any other the claim still stands (give it
    back with `claim.release`, or try again with another caller ID).
    """
    return reserve_all(tx, [request], decide)[0]


def reserve_all(
    tx: Connection, requests: Sequence[ReserveRequest], decide: Callable[[CallFacts], Ruling]
) -> Sequence[Reservation | Refusal]:
    """`reserve` for several; the answers stand in the order of the requests.

    They are those it would give one after the other, first to all who have neither person nor number in common.
    """
    lock_persons_then_numbers(
        tx, {request.claim.person for request in requests}, {request.claim.number.e164 for request in requests}
    )
    answers: dict[AttemptId, Reservation | Refusal] = {}
    left = requests
    while left:
        together, left = _strangers(left)
        answers.update(_reserve_strangers(tx, together, decide))
    return [answers[request.attempt] for request in requests]


def _strangers(requests: Sequence[ReserveRequest]) -> tuple[Sequence[ReserveRequest], Sequence[ReserveRequest]]:
    """Those who have neither person nor number in common with one before them, and the rest.

    What is decided about the first can change nothing for the others among them; the rest must see it.
    """
    first: list[ReserveRequest] = []
    rest: list[ReserveRequest] = []
    seen: set[object] = set()
    for request in requests:
        parties: set[object] = {request.claim.person, request.claim.number.e164}
        (first if seen.isdisjoint(parties) else rest).append(request)
        seen |= parties
    return first, rest


@dataclass(frozen=True, slots=True)
class _Allowed:
    request: ReserveRequest
    about: Context
    ruling: Ruling
    facts: CallFacts


def _reserve_strangers(
    tx: Connection, requests: Sequence[ReserveRequest], decide: Callable[[CallFacts], Ruling]
) -> Mapping[AttemptId, Reservation | Refusal]:
    known = contexts(tx, [request.claim.entry for request in requests])
    answers: dict[AttemptId, Reservation | Refusal] = {}
    asked: list[tuple[ReserveRequest, Question]] = []
    for request in requests:
        about = known.get(request.claim.entry)
        cause = _standing_in_the_way(about, request)
        if about is None or cause is not None:
            answers[request.attempt] = Refusal(cause or RefusalCause.STALE_CLAIM, None)
            continue
        guaranteed = request.agent is not None
        question = Question(about, request.now, request.mode, guaranteed, braked=request.braked)
        asked.append((request, question))
    gathered = fact_reader.gather_all(tx, [question for _, question in asked])
    allowed: list[_Allowed] = []
    for (request, question), found in zip(asked, gathered, strict=True):
        if _is_in_call(found, request.now):
            answers[request.attempt] = _wait_for_the_other(tx, request.claim, request.now)
            continue
        ruling = decide(found.facts)
        if ruling.allowed:
            allowed.append(_Allowed(request, question.about, ruling, found.facts))
        else:
            answers[request.attempt] = _block(tx, question.about, found.facts, ruling, request.now, request.attempt)
    shown = _with_caller_id(tx, allowed)
    for one in allowed:
        answers[one.request.attempt] = Refusal(RefusalCause.CALLER_ID_CAP, None)
    for one in shown:
        answers[one.request.attempt] = Reservation(one.request.attempt, one.request.now, tuple(one.ruling.flags))
    _insert_attempts(tx, shown)
    return answers


def _is_in_call(gathered: Gathered, now: datetime) -> bool:
    return gathered.open_since is not None and now - gathered.open_since < OPEN_AT_MOST


def _wait_for_the_other(tx: Connection, held: Claim, now: datetime) -> Refusal:
    """Another attempt on this person or number has not ended yet."""
    due = now + IN_CALL_RETRY
    move(tx, held.entry, EntryEvent.BLOCK_UNTIL, due_at=due, reason=RefusalCause.IN_CALL.value, claimed_by=None)
    return Refusal(RefusalCause.IN_CALL, due)


def _standing_in_the_way(about: Context | None, request: ReserveRequest) -> RefusalCause | None:
    held = request.claim
    if about is None:
        return RefusalCause.STALE_CLAIM
    row = about.row
    if not _is_held(about, held, request.now):
        return RefusalCause.STALE_CLAIM
    if row.campaign_status != CampaignStatus.RUNNING:
        return RefusalCause.NOT_RUNNING
    if request.fence < row.fence:
        return RefusalCause.FENCED
    if (row.reserved_agent_only or request.braked) and request.agent is None:
        return RefusalCause.RESERVED_AGENT_REQUIRED
    return None


def _insert_attempts(tx: Connection, made: Sequence[_Allowed]) -> None:
    if not made:
        return
    tx.execute(
        _INSERT_DECISION,
        [
            _decision_row(one.request.attempt, one.request.claim.entry, one.ruling, one.request.now, one.facts)
            for one in made
        ],
    )
    tx.execute(_INSERT_ATTEMPT, [_attempt_row(one) for one in made])
    tx.execute(_INSERT_OPEN, [{"attempt_id": one.request.attempt, "engine": one.request.claim.engine} for one in made])
    tx.execute(_TO_DIALING, {"entries": [one.request.claim.entry for one in made]})


def _attempt_row(one: _Allowed) -> dict[str, object]:
    request, held = one.request, one.request.claim
    return {
        "id": request.attempt,
        "campaign_id": held.campaign,
        "entry_id": held.entry,
        "person_id": held.person,
        "debt_id": held.debt,
        "phone_id": held.phone,
        "number": held.number.e164,
        "mode": request.mode.value,
        "trunk": request.trunk,
        "caller_id": request.caller_id.e164,
        "engine": held.engine,
        "fence": request.fence,
        "agent_id": request.agent,
        "subject": one.about.settings.subject,
        "reserved_at": request.now,
        "under_consent": one.ruling.under_consent,
    }


def screen(
    tx: Connection,
    claims: Sequence[Claim],
    now: datetime,
    mode: Mode,
    decide: Callable[[CallFacts], Ruling],
    *,
    agent_guaranteed: bool,
) -> Screened:
    """Let the gate look at claims before any of them is reserved, and move the blocked ones in one transaction.

    Worth its while where many are blocked (`reserve` would commit for each of them), and before an account is shown to
    an agent. It reserves nothing; every claim that passes is decided again when it is reserved.
    """
    passed: list[Claim] = []
    refused: list[tuple[Claim, Refusal]] = []
    known = contexts(tx, [held.entry for held in claims])
    asked: list[tuple[Claim, Question]] = []
    for held in claims:
        about = known.get(held.entry)
        if about is None or not _is_held(about, held, now):
            refused.append((held, Refusal(RefusalCause.STALE_CLAIM, None)))
        else:
            asked.append((held, Question(about, now, mode, agent_guaranteed)))
    gathered = fact_reader.gather_all(tx, [question for _, question in asked])
    for (held, question), found in zip(asked, gathered, strict=True):
        if _is_in_call(found, now):
            refused.append((held, _wait_for_the_other(tx, held, now)))
            continue
        ruling = decide(found.facts)
        if ruling.allowed:
            passed.append(held)
        else:
            refused.append((held, _block(tx, question.about, found.facts, ruling, now, new_attempt_id(now))))
    return Screened(tuple(passed), tuple(refused))


def _is_held(about: Context, held: Claim, now: datetime) -> bool:
    row = about.row
    same = (row.state, row.claimed_by, row.phone_id) == (EntryState.CLAIMED, held.engine, held.phone)
    return same and row.due_at > now


def _block(
    tx: Connection, about: Context, facts: CallFacts, ruling: Ruling, now: datetime, decision: AttemptId
) -> Refusal:
    row = about.row
    reasons = tuple(ruling.reasons)
    print_ = _fingerprint(ruling, row.phone_id, now)
    if print_ != row.last_block:
        tx.execute(_INSERT_DECISION, _decision_row(decision, row.entry, ruling, now, facts))
    first = reasons[0].code.value if reasons else RefusalCause.BLOCKED.value
    if ruling.retry_at is not None:
        move(
            tx,
            row.entry,
            EntryEvent.BLOCK_UNTIL,
            due_at=max(ruling.retry_at, now + timedelta(seconds=1)),
            reason=first,
            last_block=print_,
            claimed_by=None,
        )
        return Refusal(RefusalCause.BLOCKED, ruling.retry_at, reasons)
    other = _other_phone(tx, row) if {reason.code for reason in reasons} <= ABOUT_THE_NUMBER else None
    if other is not None:
        move(
            tx,
            row.entry,
            EntryEvent.RELEASE,
            phone_id=other,
            blocked_phones=row.blocked_phones + 1,
            last_block=print_,
            claimed_by=None,
        )
        return Refusal(RefusalCause.BLOCKED, now, reasons)
    move(tx, row.entry, EntryEvent.BLOCK, reason=first, last_block=print_, claimed_by=None)
    return Refusal(RefusalCause.BLOCKED, None, reasons)


def _fingerprint(ruling: Ruling, phone: int, now: datetime) -> str:
    """Equal for the same block of the same phone on the same day: written once, for an officer asks by the day."""
    rules = sorted({f"{reason.rule}:{reason.code}" for reason in ruling.reasons})
    return "|".join((f"{now:%Y%m%d}", str(phone), ruling.policy, *rules))


def _other_phone(tx: Connection, row: AnyRow) -> int | None:
    usable = usable_phones(tx, [row.person_id])[row.person_id]
    if row.blocked_phones + 1 >= len(usable):
        return None
    return phone_after(usable, row.phone_id)


def _decision_row(
    decision: AttemptId, entry: int, ruling: Ruling, now: datetime, facts: CallFacts
) -> dict[str, object]:
    return {
        "id": decision,
        "at": now,
        "entry_id": entry,
        "outcome": "allow" if ruling.allowed else "block",
        "reasons": [_reason(reason) for reason in ruling.reasons],
        "retry_at": ruling.retry_at,
        "counted": ruling.counted,
        "flags": list(ruling.flags),
        "policy": ruling.policy,
        "policy_hash": ruling.policy_hash,
        "tzdata": ruling.tzdata,
        "facts": facts_json(facts),
    }


def _reason(reason: Reason) -> dict[str, str]:
    return {
        "code": reason.code.value,
        "rule": reason.rule,
        "citation": reason.citation,
        "detail": reason.detail,
    }


def _with_caller_id(tx: Connection, allowed: Sequence[_Allowed]) -> Sequence[_Allowed]:
    """Those whose caller ID may be shown once more today, the first ones first, and counted as shown."""
    if not allowed:
        return []
    owned = {row.e164: row for row in tx.execute(_OWNED, {"numbers": sorted({_shown(one) for one in allowed})})}
    wanted: dict[tuple[str, date], list[_Allowed]] = {}
    for one in allowed:
        number = owned.get(_shown(one))
        if number is not None and number.enabled:
            wanted.setdefault((number.e164, one.request.now.astimezone(ZoneInfo(number.zone)).date()), []).append(one)
    # Sorted, so that two engines that show the same numbers never wait for each other.
    return [
        one
        for (number, day), some in sorted(wanted.items())
        for one in some[: _count_shown(tx, number, day, owned[number].daily_cap, len(some))]
    ]


def _shown(one: _Allowed) -> str:
    return one.request.caller_id.e164


def _count_shown(tx: Connection, number: str, day: date, cap: int, times: int) -> int:
    """How many of so many calls may show the number under its cap; these are counted."""
    keys = {"number": number, "on": day, "cap": cap}
    if tx.execute(_COUNT_CALLER_ID, {**keys, "more": times}).rowcount == 1:
        return times
    insert_or_ignore(tx, owned_number_days, [{"e164": number, "day": day, "used": 0}])
    if tx.execute(_COUNT_CALLER_ID, {**keys, "more": times}).rowcount == 1:
        return times
    one_by_one = (tx.execute(_COUNT_CALLER_ID, {**keys, "more": 1}).rowcount == 1 for _ in range(times - 1))
    return sum(takewhile(bool, one_by_one))
