"""The attempts ledger: reserving a call, and recording how it ended. Append-only.

`reserve` is the only way to an attempt. In one transaction it locks the person and then the number, reads the counting
facts again, lets the gate decide on them, and writes decision and attempt together; an Originate may be sent only after
that transaction is committed. An attempt without an outcome counts as made.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from accounts import facts as fact_reader
from accounts import retry
from accounts.campaigns import read_settings
from accounts.dialect import insert_or_ignore, lock_person_then_number
from accounts.entries import EntryEvent, EntryState, target
from accounts.errors import NotFoundError
from accounts.facts import Context, Gathered
from accounts.model import (
    CampaignSettings,
    CampaignStatus,
    Claim,
    Ending,
    Refusal,
    RefusalCause,
    Reservation,
    ReserveRequest,
    Ruling,
    Screened,
)
from accounts.moves import move
from accounts.tables import (
    attempt_outcomes,
    attempts,
    campaigns,
    debts,
    decisions,
    list_entries,
    numbers,
    open_attempts,
    owned_number_days,
    persons,
    phones,
)
from compliance.facts import CallFacts
from compliance.wire import facts_json
from domain.ids import AttemptId, new_attempt_id
from domain.mode import Mode
from domain.outcomes import Outcome
from domain.phone import PhoneNumber
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

AnyRow = Row[*tuple[Any, ...]]
_entries = list_entries.c
_TO_DIALING: Final = (
    update(list_entries)
    .where(_entries.id == bindparam("entry"))
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
_INSERT_OUTCOME: Final = insert(attempt_outcomes)
_DELETE_OPEN: Final = delete(open_attempts).where(open_attempts.c.attempt_id == bindparam("attempt"))
_USABLE: Final = (
    select(phones.c.id)
    .where(phones.c.person_id == bindparam("person"), phones.c.unusable.is_(None))
    .order_by(phones.c.rank, phones.c.id)
)
_SAME_OUTCOMES: Final = (
    select(func.count(func.distinct(attempts.c.id)))
    .join_from(attempts, attempt_outcomes, attempt_outcomes.c.attempt_id == attempts.c.id)
    .where(attempts.c.entry_id == bindparam("entry"), attempt_outcomes.c.outcome == bindparam("outcome"))
)
_COUNT_CALLER_ID: Final = (
    update(owned_number_days)
    .where(
        owned_number_days.c.e164 == bindparam("number"),
        owned_number_days.c.day == bindparam("on"),
        owned_number_days.c.used < bindparam("cap"),
    )
    .values(used=owned_number_days.c.used + 1)
)


def reserve(tx: Connection, request: ReserveRequest, decide: Callable[[CallFacts], Ruling]) -> Reservation | Refusal:
    """Make an attempt durable before anything is sent, if the gate allows it on the facts of this moment.

    A refusal `blocked` or `in_call` has already moved the account; after any other the claim still stands (give it
    back with `claim.release`, or try again with another caller ID).
    """
    held = request.claim
    lock_person_then_number(tx, held.person, held.number.e164)
    about = fact_reader.context(tx, held.entry, request.caller_id)
    cause = _standing_in_the_way(about, request)
    if about is None or cause is not None:
        return Refusal(cause or RefusalCause.STALE_CLAIM, None)
    guaranteed = request.agent is not None
    gathered = fact_reader.gather(
        tx, about, request.now, request.mode, agent_guaranteed=guaranteed, braked=request.braked
    )
    if _is_in_call(gathered, request.now):
        return _wait_for_the_other(tx, held, request.now)
    ruling = decide(gathered.facts)
    if not ruling.allowed:
        return _block(tx, about, gathered.facts, ruling, request.now, request.attempt)
    if not _take_caller_id(tx, about, request.caller_id, request.now):
        return Refusal(RefusalCause.CALLER_ID_CAP, None)
    _insert_attempt(tx, about, request, ruling, gathered.facts)
    return Reservation(request.attempt, request.now, tuple(ruling.flags))


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


def _insert_attempt(tx: Connection, about: Context, request: ReserveRequest, ruling: Ruling, facts: CallFacts) -> None:
    held = request.claim
    tx.execute(_INSERT_DECISION, _decision_row(request.attempt, held.entry, ruling, request.now, facts))
    tx.execute(
        _INSERT_ATTEMPT,
        {
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
            "subject": about.settings.subject,
            "reserved_at": request.now,
            "under_consent": ruling.under_consent,
        },
    )
    tx.execute(_INSERT_OPEN, {"attempt_id": request.attempt, "engine": held.engine})
    tx.execute(_TO_DIALING, {"entry": held.entry})


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
    for held in claims:
        about = fact_reader.context(tx, held.entry)
        if about is None or not _is_held(about, held, now):
            refused.append((held, Refusal(RefusalCause.STALE_CLAIM, None)))
            continue
        gathered = fact_reader.gather(tx, about, now, mode, agent_guaranteed=agent_guaranteed)
        if _is_in_call(gathered, now):
            refused.append((held, _wait_for_the_other(tx, held, now)))
            continue
        ruling = decide(gathered.facts)
        if ruling.allowed:
            passed.append(held)
        else:
            refused.append((held, _block(tx, about, gathered.facts, ruling, now, new_attempt_id(now))))
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
    usable = _usable_phones(tx, row.person_id)
    if row.blocked_phones + 1 >= len(usable):
        return None
    return _phone_after(usable, row.phone_id)


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


def _take_caller_id(tx: Connection, about: Context, number: PhoneNumber, now: datetime) -> bool:
    owned = about.row
    if not owned.caller_id_enabled:
        return False
    day = now.astimezone(ZoneInfo(owned.caller_id_zone)).date()
    keys = {"number": number.e164, "on": day, "cap": owned.caller_id_cap}
    if tx.execute(_COUNT_CALLER_ID, keys).rowcount == 1:
        return True
    insert_or_ignore(tx, owned_number_days, [{"e164": number.e164, "day": day, "used": 0}])
    return tx.execute(_COUNT_CALLER_ID, keys).rowcount == 1


# --- endings -----------------------------------------------------------------------------------------------------

_ATTEMPT: Final = (
    select(
        attempts,
        campaigns.c.settings,
        persons.c.zone,
        list_entries.c.attempts.label("made"),
        list_entries.c.state,
        debts.c.priority,
    )
    .join_from(attempts, list_entries, attempts.c.entry_id == list_entries.c.id)
    .join(campaigns, attempts.c.campaign_id == campaigns.c.id)
    .join(persons, attempts.c.person_id == persons.c.id)
    .join(debts, attempts.c.debt_id == debts.c.id)
    .where(attempts.c.id == bindparam("attempt"))
)
_LAST: Final = (
    select(attempt_outcomes)
    .where(attempt_outcomes.c.attempt_id == bindparam("attempt"))
    .order_by(attempt_outcomes.c.seq.desc())
    .limit(1)
)


def record_outcome(tx: Connection, attempt: AttemptId, ending: Ending, now: datetime) -> bool:
    """Write how an attempt ended and move its account by the campaign's retry table.

    Returns:
        False when an outcome was there already: nothing is changed (a later correction is a disposition).

    Raises:
        NotFoundError: no such attempt.
    """
    row = tx.execute(_ATTEMPT, {"attempt": attempt}).one_or_none()
    if row is None:
        raise NotFoundError("there is no such attempt in the ledger")
    lock_person_then_number(tx, row.person_id, row.number)
    if tx.execute(_DELETE_OPEN, {"attempt": attempt}).rowcount == 0:  # it has ended
        return False
    add_outcome(tx, row, ending, now, seq=1)
    return True


def correct_outcome(tx: Connection, attempt: AttemptId, outcome: Outcome, now: datetime) -> None:
    """Add a truer outcome to an ended attempt (an agent's disposition); the earlier row stays.

    Raises:
        NotFoundError: no such attempt, or it has not ended.
    """
    row = tx.execute(_ATTEMPT, {"attempt": attempt}).one_or_none()
    last = tx.execute(_LAST, {"attempt": attempt}).one_or_none()
    if row is None or last is None:
        raise NotFoundError("there is no such ended attempt in the ledger")
    if last.outcome == outcome:
        return
    ending = Ending(
        outcome,
        cause=last.cause,
        sip_status=last.sip_status,
        verdict=last.verdict,
        verdict_cause=last.verdict_cause,
        rang_at=last.rang_at,
        answered_at=last.answered_at,
        treated_at=last.treated_at,
        joined_at=last.joined_at,
        ended_at=last.ended_at,
        agent=last.agent_id,
        message_left=last.message_left,
        bridged_s=last.bridged_s,
        announced=last.announced,
    )
    add_outcome(tx, row, ending, now, seq=last.seq + 1)


def add_outcome(tx: Connection, row: AnyRow, ending: Ending, now: datetime, seq: int) -> None:
    """Insert an outcome row and apply the retry rule."""
    tx.execute(
        _INSERT_OUTCOME,
        {
            "attempt_id": row.id,
            "seq": seq,
            "at": now,
            "outcome": ending.outcome.value,
            "cause": ending.cause,
            "sip_status": ending.sip_status,
            "verdict": ending.verdict,
            "verdict_cause": ending.verdict_cause,
            "rang_at": ending.rang_at,
            "answered_at": ending.answered_at,
            "treated_at": ending.treated_at,
            "joined_at": ending.joined_at,
            "ended_at": ending.ended_at,
            "agent_id": ending.agent,
            "message_left": ending.message_left,
            "bridged_s": ending.bridged_s,
            "announced": ending.announced,
        },
    )
    _apply_retry(tx, row, read_settings(row.settings), ending.outcome, now)


def _apply_retry(tx: Connection, row: AnyRow, settings: CampaignSettings, outcome: Outcome, now: datetime) -> None:
    rule = settings.rule_for(outcome)
    if rule.flag_phone:
        _flag_phone(tx, row, outcome, now)
    usable = _usable_phones(tx, row.person_id)
    after = retry.step(
        rule,
        now,
        row.zone or settings.zone,
        same_outcomes=_same_outcomes(tx, row.entry_id, outcome),
        attempts=_made(tx, row, settings),
        max_attempts=settings.max_attempts,
        usable=len(usable),
    )
    values: dict[str, object] = {
        "due_at": after.due_at,
        "reason": after.reason,
        "priority": row.priority,
        "claimed_by": None,
    }
    if after.event is EntryEvent.RETRY:
        values["reserved_agent_only"] = after.reserved_agent
        if after.next_phone or row.phone_id not in usable:
            values["phone_id"] = _phone_after(usable, row.phone_id)
    move(tx, row.entry_id, after.event, **values)


def _made(tx: Connection, row: AnyRow, settings: CampaignSettings) -> int:
    """Attempts that use up the account: a trunk that is down for an hour must not exhaust a list."""
    made: int = row.made
    return made if made < settings.max_attempts else made - _same_outcomes(tx, row.entry_id, Outcome.FAILED)


def _flag_phone(tx: Connection, row: AnyRow, outcome: Outcome, now: datetime) -> None:
    tx.execute(update(phones).where(phones.c.id == row.phone_id).values(unusable=outcome.value))
    if outcome is Outcome.SIT:
        tx.execute(update(numbers).where(numbers.c.e164 == row.number).values(sit_at=now))


def _usable_phones(tx: Connection, person: int) -> Sequence[int]:
    return tx.execute(_USABLE, {"person": person}).scalars().all()


def _phone_after(usable: Sequence[int], phone: int) -> int:
    """The phone after this one in the person's order, around to the first; itself where it is the only one."""
    if phone not in usable:
        return usable[0]
    return usable[(usable.index(phone) + 1) % len(usable)]


def _same_outcomes(tx: Connection, entry: int, outcome: Outcome) -> int:
    return tx.execute(_SAME_OUTCOMES, {"entry": entry, "outcome": outcome.value}).scalar_one()


def still_open(tx: Connection, engine: str) -> Sequence[AttemptId]:
    """Attempts of an engine that have no outcome yet, oldest first."""
    found = tx.execute(
        select(open_attempts.c.attempt_id).where(open_attempts.c.engine == engine).order_by(open_attempts.c.attempt_id)
    )
    return [AttemptId(attempt) for attempt in found.scalars()]


def sweep(
    tx: Connection,
    engine: str,
    now: datetime,
    alive: Collection[AttemptId] = (),
    told: Mapping[AttemptId, Ending] = MappingProxyType({}),
) -> Sequence[AttemptId]:
    """Close the attempts that an earlier run of this engine left without an end.

    Args:
        alive: attempts the switch still has; they are adopted, not closed.
        told: how some of them ended, by what the switch wrote down.

    Returns:
        Those that are closed as `unknown`.
    """
    closed = {
        attempt: told.get(attempt) or Ending(Outcome.UNKNOWN)
        for attempt in still_open(tx, engine)
        if attempt not in alive
    }
    for attempt, ending in closed.items():
        record_outcome(tx, attempt, ending, now)
    return [attempt for attempt, ending in closed.items() if ending.outcome is Outcome.UNKNOWN]
