"""The attempts ledger: reserving calls. Append-only; how attempts ended stands beside it, in `endings`.

`reserve` (one) and `reserve_all` (several) are the only way to an attempt. One transaction locks the persons and then
the numbers, reads the counting facts again, lets the gate decide on them, and writes decisions and attempts together;
an Originate may be sent only after it is committed. An attempt without an outcome counts as made.

What a call costs here is the number of its statements, so all of it works on several accounts at a time.
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
from accounts.fact_rows import Context, contexts
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
from accounts.moves import Move, move, move_all
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


def _reserve_strangers(
    tx: Connection, requests: Sequence[ReserveRequest], decide: Callable[[CallFacts], Ruling]
) -> Mapping[AttemptId, Reservation | Refusal]:
    known = contexts(tx, [request.claim.entry for request in requests])
    answers: dict[AttemptId, Reservation | Refusal] = {}
    asked: dict[AttemptId, Question] = {}
    for request in requests:
        about = known.get(request.claim.entry)
        cause = _standing_in_the_way(about, request)
        if about is None or cause is not None:
            answers[request.attempt] = Refusal(cause or RefusalCause.STALE_CLAIM, None)
            continue
        guaranteed = request.agent is not None
        asked[request.attempt] = Question(about, request.now, request.mode, guaranteed, braked=request.braked)
    allowed, refused = _decide(tx, asked, decide)
    answers.update(refused)
    shown = _with_caller_id(tx, [request for request in requests if request.attempt in allowed])
    _insert_attempts(tx, [(request, allowed[request.attempt]) for request in shown])
    for attempt in allowed:
        answers[attempt] = Refusal(RefusalCause.CALLER_ID_CAP, None)
    for request in shown:
        flags = tuple(allowed[request.attempt].ruling.flags)
        answers[request.attempt] = Reservation(request.attempt, request.now, flags)
    return answers


@dataclass(frozen=True, slots=True)
class _Ruled:
    """What the gate has decided about a claim; of an allow the id becomes the attempt's."""

    id: AttemptId
    question: Question
    facts: CallFacts
    ruling: Ruling


def _decide(
    tx: Connection, asked: Mapping[AttemptId, Question], decide: Callable[[CallFacts], Ruling]
) -> tuple[Mapping[AttemptId, _Ruled], Mapping[AttemptId, Refusal]]:
    """Those that the gate allows, and the refusals of the others, whose accounts are moved."""
    allowed: dict[AttemptId, _Ruled] = {}
    blocked: list[_Ruled] = []
    refused: dict[AttemptId, Refusal] = {}
    gathered = fact_reader.gather_all(tx, list(asked.values()))
    for (id_, question), found in zip(asked.items(), gathered, strict=True):
        if _is_in_call(found, question.now):
            refused[id_] = _wait_for_the_other(tx, question)
            continue
        one = _Ruled(id_, question, found.facts, decide(found.facts))
        if one.ruling.allowed:
            allowed[id_] = one
        else:
            blocked.append(one)
    return allowed, {**refused, **_block(tx, blocked)}


def _is_in_call(gathered: Gathered, now: datetime) -> bool:
    return gathered.open_since is not None and now - gathered.open_since < OPEN_AT_MOST


def _wait_for_the_other(tx: Connection, question: Question) -> Refusal:
    """Another attempt on this person or number has not ended yet."""
    due, entry = question.now + IN_CALL_RETRY, question.about.row.entry
    move(tx, entry, EntryEvent.BLOCK_UNTIL, due_at=due, reason=RefusalCause.IN_CALL.value, claimed_by=None)
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


def _insert_attempts(tx: Connection, made: Sequence[tuple[ReserveRequest, _Ruled]]) -> None:
    if not made:
        return
    tx.execute(_INSERT_DECISION, [_decision_row(ruled) for _, ruled in made])
    tx.execute(_INSERT_ATTEMPT, [_attempt_row(request, ruled) for request, ruled in made])
    tx.execute(_INSERT_OPEN, [{"attempt_id": request.attempt, "engine": request.claim.engine} for request, _ in made])
    tx.execute(_TO_DIALING, {"entries": [request.claim.entry for request, _ in made]})


def _attempt_row(request: ReserveRequest, ruled: _Ruled) -> dict[str, object]:
    held = request.claim
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
        "subject": ruled.question.about.settings.subject,
        "reserved_at": request.now,
        "under_consent": ruled.ruling.under_consent,
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

    For accounts that an agent is to be shown first. It reserves nothing; every claim that passes is decided again when
    it is reserved.
    """
    known = contexts(tx, [held.entry for held in claims])
    stale: list[Claim] = []
    asked: dict[AttemptId, Question] = {}
    of: dict[AttemptId, Claim] = {}
    for held in claims:
        about = known.get(held.entry)
        if about is None or not _is_held(about, held, now):
            stale.append(held)
        else:
            decision = new_attempt_id(now)
            of[decision], asked[decision] = held, Question(about, now, mode, agent_guaranteed)
    allowed, refused = _decide(tx, asked, decide)
    return Screened(
        passed=tuple(of[decision] for decision in allowed),
        refused=(
            *((held, Refusal(RefusalCause.STALE_CLAIM, None)) for held in stale),
            *((of[decision], refusal) for decision, refusal in refused.items()),
        ),
    )


def _is_held(about: Context, held: Claim, now: datetime) -> bool:
    row = about.row
    same = (row.state, row.claimed_by, row.phone_id) == (EntryState.CLAIMED, held.engine, held.phone)
    return same and row.due_at > now


def _block(tx: Connection, blocked: Sequence[_Ruled]) -> Mapping[AttemptId, Refusal]:
    """Write down why, unless it is what was written last, and move the accounts to when or where they may be tried."""
    news = [one for one in blocked if _fingerprint(one) != one.question.about.row.last_block]
    if news:
        tx.execute(_INSERT_DECISION, [_decision_row(one) for one in news])
    numbers_ = {one.question.about.row.person_id for one in blocked if _is_about_the_number(one.ruling)}
    usable = usable_phones(tx, numbers_) if numbers_ else {}
    after = {one.id: _after_block(one, usable.get(one.question.about.row.person_id, ())) for one in blocked}
    move_all(tx, [moved for moved, _ in after.values()])
    return {decision: refusal for decision, (_, refusal) in after.items()}


def _after_block(one: _Ruled, usable: Sequence[int]) -> tuple[Move, Refusal]:
    row, now, ruling = one.question.about.row, one.question.now, one.ruling
    reasons = tuple(ruling.reasons)
    first = reasons[0].code.value if reasons else RefusalCause.BLOCKED.value
    values: dict[str, object] = {"last_block": _fingerprint(one), "claimed_by": None}
    if ruling.retry_at is not None:
        due = max(ruling.retry_at, now + timedelta(seconds=1))
        until = Move(row.entry, EntryEvent.BLOCK_UNTIL, values | {"due_at": due, "reason": first})
        return until, Refusal(RefusalCause.BLOCKED, ruling.retry_at, reasons)
    if _is_about_the_number(ruling) and row.blocked_phones + 1 < len(usable):
        values |= {"phone_id": phone_after(usable, row.phone_id), "blocked_phones": row.blocked_phones + 1}
        return Move(row.entry, EntryEvent.RELEASE, values), Refusal(RefusalCause.BLOCKED, now, reasons)
    parked = Move(row.entry, EntryEvent.BLOCK, values | {"reason": first})
    return parked, Refusal(RefusalCause.BLOCKED, None, reasons)


def _is_about_the_number(ruling: Ruling) -> bool:
    """Whether this phone is blocked for good, for a reason that another phone of the person may escape."""
    return ruling.retry_at is None and {reason.code for reason in ruling.reasons} <= ABOUT_THE_NUMBER


def _fingerprint(one: _Ruled) -> str:
    """Equal for the same block of the same phone on the same day: written once, for an officer asks by the day."""
    rules = sorted({f"{reason.rule}:{reason.code}" for reason in one.ruling.reasons})
    return "|".join((f"{one.question.now:%Y%m%d}", str(one.question.about.row.phone_id), one.ruling.policy, *rules))


def _decision_row(one: _Ruled) -> dict[str, object]:
    ruling = one.ruling
    return {
        "id": one.id,
        "at": one.question.now,
        "entry_id": one.question.about.row.entry,
        "outcome": "allow" if ruling.allowed else "block",
        "reasons": [_reason(reason) for reason in ruling.reasons],
        "retry_at": ruling.retry_at,
        "counted": ruling.counted,
        "flags": list(ruling.flags),
        "policy": ruling.policy,
        "policy_hash": ruling.policy_hash,
        "tzdata": ruling.tzdata,
        "facts": facts_json(one.facts),
    }


def _reason(reason: Reason) -> dict[str, str]:
    return {
        "code": reason.code.value,
        "rule": reason.rule,
        "citation": reason.citation,
        "detail": reason.detail,
    }


def _with_caller_id(tx: Connection, allowed: Sequence[ReserveRequest]) -> Sequence[ReserveRequest]:
    """Those whose caller ID may be shown once more today, the first ones first, and counted as shown."""
    if not allowed:
        return []
    shown = sorted({request.caller_id.e164 for request in allowed})
    owned = {row.e164: row for row in tx.execute(_OWNED, {"numbers": shown})}
    wanted: dict[tuple[str, date], list[ReserveRequest]] = {}
    for request in allowed:
        number = owned.get(request.caller_id.e164)
        if number is not None and number.enabled:
            wanted.setdefault((number.e164, request.now.astimezone(ZoneInfo(number.zone)).date()), []).append(request)
    # Sorted, so that two engines that show the same numbers never wait for each other.
    return [
        request
        for (number, day), some in sorted(wanted.items())
        for request in some[: _count_shown(tx, number, day, owned[number].daily_cap, len(some))]
    ]


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
