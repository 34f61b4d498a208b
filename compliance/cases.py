"""The public case format: one JSON object a line in, one decision line out.

Whatever is not exactly as the format says (an unknown field or value, a naive instant, a malformed line) is answered
with `BAD_INPUT` naming line and field; nothing is guessed, and the other lines are still answered. Absent fields of an
earlier contact are filled here with those of the call, so that the rules meet complete values.
"""

from __future__ import annotations

import json
import re
import zoneinfo
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from typing import Any, Final, TypeVar

import phonenumbers

from compliance.decision import Answer, Decision
from compliance.facts import (
    Address,
    CalledNumber,
    CallFacts,
    CampaignPolicy,
    Channel,
    Consent,
    ConsentKind,
    DebtKind,
    Direction,
    Emergency,
    FactsError,
    GivenTo,
    HistoryEvent,
    LineType,
    NumberUse,
    PartyRole,
    Preference,
    PreferenceKind,
    Purpose,
    Reassigned,
    Registries,
    Relationship,
    Result,
    StatedLocation,
    Suppression,
    SuppressionKind,
    Voice,
)
from compliance.gate import decide
from compliance.policy import Policy
from domain.mode import Mode
from domain.reasons import Reason, ReasonCode

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)
_E164: Final = re.compile(r"\+\d{1,20}", re.ASCII)
_US_ZIP: Final = re.compile(r"\d{5}(-\d{4})?", re.ASCII)
_CA_POSTCODE: Final = re.compile(r"[A-Za-z]\d[A-Za-z] ?\d[A-Za-z]\d", re.ASCII)
_YEARS: Final = range(1900, 2201)
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_IGNORED: Final = frozenset({"expect", "soft"})
"""Keys of a file of examples that are not facts."""

_US_STATES: Final = frozenset(
    "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR "  # noqa: SIM905
    "PA RI SC SD TN TX UT VT VA WA WV WI WY PR VI GU MP AS AA AE AP FM MH PW".split()
)
_CA_PROVINCES: Final = frozenset("AB BC MB NB NL NS NT NU ON PE QC SK YT".split())  # noqa: SIM905
_AU_STATES: Final = frozenset("ACT NSW NT QLD SA TAS VIC WA".split())  # noqa: SIM905
_BR_STATES: Final = frozenset(
    "AC AL AM AP BA CE DF ES GO MA MG MS MT PA PB PE PI PR RJ RN RO RR RS SC SE SP TO".split()  # noqa: SIM905
)
_STATES: Final = {"US": _US_STATES, "CA": _CA_PROVINCES, "AU": _AU_STATES, "BR": _BR_STATES}
_SHAPES: Final = {"US": _US_ZIP, "CA": _CA_POSTCODE}


@dataclass(frozen=True, slots=True)
class BadInput:
    """A line that is no case: where, and what is wanted."""

    id: str | None
    line: int
    field: str
    wanted: str

    @property
    def detail(self) -> str:
        return f"line {self.line}: {self.field}: {self.wanted}"


class _Fields:
    """A JSON object read field by field; unknown fields are refused at the end."""

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise FactsError(path or "line", "an object is expected")
        self._value: dict[str, Any] = value
        self._path = path
        self._asked: set[str] = set()

    def path(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def error(self, key: str, wanted: str) -> FactsError:
        return FactsError(self.path(key), wanted)

    def has(self, key: str) -> bool:
        self._asked.add(key)
        return key in self._value

    def take(self, key: str, read: Callable[[object, str], T], default: T) -> T:
        return read(self._value[key], self.path(key)) if self.has(key) else default

    def need(self, key: str, read: Callable[[object, str], T]) -> T:
        if not self.has(key):
            raise self.error(key, "missing, it is required")
        return read(self._value[key], self.path(key))

    def finish(self) -> None:
        for key in self._value:
            if key not in self._asked:
                raise self.error(key, "unknown field")


# --- values ----------------------------------------------------------------------------------------------------------


def _text(value: object, path: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise FactsError(path, "a text that is not empty is expected")
    return value


def _flag(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        raise FactsError(path, "true or false is expected")
    return value


def _whole(value: object, path: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 10_000_000:
        raise FactsError(path, "a whole number, zero or more, is expected")
    return value


def _instant(value: object, path: str) -> datetime:
    if not isinstance(value, str) or _INSTANT.fullmatch(value) is None:
        raise FactsError(path, "an instant with offset is expected, as 2026-12-01T13:00:00Z")
    try:
        instant = datetime.fromisoformat(value.upper().replace(" ", "T")).astimezone(UTC)
    except (ValueError, OverflowError):
        raise FactsError(path, "there is no such instant") from None
    if instant.year not in _YEARS:
        raise FactsError(path, "an instant between 1900 and 2200 is expected")
    return instant


def _date(value: object, path: str) -> date:
    if not isinstance(value, str) or _DATE.fullmatch(value) is None:
        raise FactsError(path, "a date is expected, as 2026-12-01")
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise FactsError(path, "there is no such day") from None
    if day.year not in _YEARS:
        raise FactsError(path, "a date between 1900 and 2200 is expected")
    return day


def _clock(value: object, path: str) -> int:
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None or not isinstance(value, str):
        raise FactsError(path, "a time like 17:30 is expected, at most 24:00")
    return int(value[:2]) * 60 + int(value[3:])


def _e164(value: object, path: str) -> str:
    if not isinstance(value, str) or _E164.fullmatch(value) is None:
        raise FactsError(path, "a number in E.164 form is expected, as +12125550147")
    return value


def _country(value: object, path: str) -> str:
    if not isinstance(value, str) or value not in phonenumbers.SUPPORTED_REGIONS:
        raise FactsError(path, "an ISO 3166 alpha-2 country code is expected, as US")
    return value


def _zone(value: object, path: str) -> str:
    if not isinstance(value, str) or value not in _zone_names():
        raise FactsError(path, "an IANA time-zone name is expected, as America/New_York")
    return value


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _enum(enum: type[E]) -> Callable[[object, str], E]:
    def read(value: object, path: str) -> E:
        try:
            return enum(str(value) if isinstance(value, str) else "")
        except ValueError:
            raise FactsError(path, f"one of {', '.join(enum)} is expected") from None

    return read


def _list(read: Callable[[object, str], T]) -> Callable[[object, str], tuple[T, ...]]:
    def read_all(value: object, path: str) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise FactsError(path, "a list is expected")
        return tuple(read(item, f"{path}[{index}]") for index, item in enumerate(value))

    return read_all


# --- parts -----------------------------------------------------------------------------------------------------------


def _number(value: object, path: str) -> CalledNumber:
    fields = _Fields(value, path)
    number = CalledNumber(
        e164=fields.need("e164", _e164),
        line_type=fields.take("line_type", _enum(LineType), LineType.UNKNOWN),
        use=fields.take("use", _enum(NumberUse), NumberUse.HOME),
        exchange_zip=fields.take("exchange_zip", _optional(_text), None),
        ported_at=fields.take("ported_at", _optional(_date), None),
    )
    fields.finish()
    return number


def _optional(read: Callable[[object, str], T]) -> Callable[[object, str], T | None]:
    """The same reader, for a field whose absence is None; null itself is no value."""
    return read


def _address(value: object, path: str) -> Address:
    fields = _Fields(value, path)
    country = fields.take("country", _country, "US")
    address = Address(
        zip=_postcode(fields, country),
        state=_state(fields, country),
        city=fields.take("city", _optional(_text), None),
        country=country,
        tz=fields.take("tz", _optional(_zone), None),
    )
    fields.finish()
    return address


def _postcode(fields: _Fields, country: str) -> str | None:
    code = fields.take("zip", _optional(_text), None)
    if not _fits(code, country):
        raise fields.error("zip", f"not a postal code of {country}")
    return code


def _fits(code: str | None, country: str) -> bool:
    """Whether the postal code has the country's shape, where that is known here."""
    return code is None or country not in _SHAPES or _SHAPES[country].fullmatch(code) is not None


def _state(fields: _Fields, country: str) -> str | None:
    state = fields.take("state", _optional(_text), None)
    if state is not None and state not in _STATES.get(country, {state}):
        raise fields.error("state", f"not a state or province of {country}")
    return state


def _stated(campaign: str) -> Callable[[object, str], StatedLocation]:
    """A stated place has no country: it lies in the campaign's, else in the United States or Canada, as it fits."""

    def read(value: object, path: str) -> StatedLocation:
        fields = _Fields(value, path)
        code, state = fields.take("zip", _optional(_text), None), fields.take("state", _optional(_text), None)
        fitting = (
            country
            for country in (campaign, "US", "CA")
            if _fits(code, country) and (state is None or state in _STATES.get(country, {state}))
        )
        country = next(fitting, campaign)
        stated = StatedLocation(
            zip=_postcode(fields, country),
            state=_state(fields, country),
            tz=fields.take("tz", _optional(_zone), None),
            until=fields.take("until", _optional(_instant), None),
            country=country,
        )
        fields.finish()
        return stated

    return read


def _consent(value: object, path: str) -> Consent:
    fields = _Fields(value, path)
    consent = Consent(
        kind=fields.need("kind", _enum(ConsentKind)),
        given_to=fields.need("given_to", _enum(GivenTo)),
        given_at=fields.need("given_at", _instant),
        until=fields.take("until", _optional(_instant), None),
        revoked_at=fields.take("revoked_at", _optional(_instant), None),
        number=fields.take("number", _optional(_e164), None),
        debt=fields.take("debt", _optional(_text), None),
    )
    fields.finish()
    return consent


def _suppression(value: object, path: str) -> Suppression:
    fields = _Fields(value, path)
    suppression = Suppression(
        kind=fields.need("kind", _enum(SuppressionKind)),
        number=fields.take("number", _optional(_e164), None),
        person=fields.take("person", _optional(_text), None),
        debt=fields.take("debt", _optional(_text), None),
        account=fields.take("account", _optional(_text), None),
        since=fields.take("since", _optional(_instant), None),
        until=fields.take("until", _optional(_instant), None),
        scope=fields.take("scope", _optional(_text), None),
    )
    fields.finish()
    return suppression


def _preference(value: object, path: str) -> Preference:
    fields = _Fields(value, path)
    kind = fields.need("kind", _enum(PreferenceKind))
    match kind:
        case PreferenceKind.INCONVENIENT_TIME:
            every: tuple[int, ...] = ()
            days = fields.take("days", _list(_weekday), every)
            start, end = fields.take("from", _clock, 0), fields.take("to", _clock, 1440)
            if start == end or start == 1440:  # minutes of a day
                raise fields.error("to", "a time after `from` is expected")
            preference = Preference(kind, frozenset(days), start, end)
        case PreferenceKind.NO_MEDIUM:
            preference = Preference(kind, medium=fields.need("medium", _enum(Channel)))
        case PreferenceKind.NO_WORKPLACE:
            preference = Preference(kind)
    fields.finish()
    return preference


def _weekday(value: object, path: str) -> int:
    if value not in _DAYS:
        raise FactsError(path, f"one of {', '.join(_DAYS)} is expected")
    return _DAYS.index(str(value))


def _registries(value: object, path: str) -> Registries:
    fields = _Fields(value, path)
    registries = Registries(
        national_dnc_file_date=fields.take("national_dnc_file_date", _optional(_date), None),
        rnd=fields.take("rnd", _optional(_enum(Reassigned)), None),
        rnd_checked_at=fields.take("rnd_checked_at", _optional(_instant), None),
    )
    fields.finish()
    return registries


def _relationship(value: object, path: str) -> Relationship:
    fields = _Fields(value, path)
    relationship = Relationship(
        last_purchase_at=fields.take("last_purchase_at", _optional(_instant), None),
        last_inquiry_at=fields.take("last_inquiry_at", _optional(_instant), None),
    )
    fields.finish()
    return relationship


def _emergency(campaign: str) -> Callable[[object, str], Emergency]:
    """An emergency in a state nobody knows would never be met: it is refused."""

    def read(value: object, path: str) -> Emergency:
        fields = _Fields(value, path)
        emergency = Emergency(
            state=fields.need("state", _text),
            starts_at=fields.take("from", _optional(_instant), None),
            until=fields.take("until", _optional(_instant), None),
        )
        if campaign in _STATES and not any(emergency.state in states for states in _STATES.values()):
            raise fields.error("state", f"not a state or province of {campaign}")
        fields.finish()
        return emergency

    return read


def _policy(value: object, path: str) -> CampaignPolicy:
    fields, plain = _Fields(value, path), CampaignPolicy()
    policy = CampaignPolicy(
        min_gap_minutes=fields.take("min_gap_minutes", _whole, plain.min_gap_minutes),
        daily_cap_debt=fields.take("daily_cap_debt", _whole, plain.daily_cap_debt),
        daily_cap_person=fields.take("daily_cap_person", _whole, plain.daily_cap_person),
        close_guard_seconds=fields.take("close_guard_seconds", _whole, plain.close_guard_seconds),
        abandon_message=fields.take("abandon_message", _flag, plain.abandon_message),
    )
    fields.finish()
    return policy


@dataclass(frozen=True, slots=True)
class _Call:
    """What an absent value in the history is filled from."""

    number: CalledNumber
    person: str | None
    debt: str | None
    account: str | None
    creditor: str | None
    party_role: PartyRole


def _event(call: _Call) -> Callable[[object, str], HistoryEvent]:
    def read(value: object, path: str) -> HistoryEvent:
        fields = _Fields(value, path)
        person = fields.take("person", _optional(_text), call.person)
        given = fields.take("debts", _optional(_list(_text)), None)
        debts = given if given is not None else tuple(d for d in (call.debt,) if d is not None)
        number = fields.take("number", _e164, call.number.e164)
        use = call.number.use if number == call.number.e164 else NumberUse.HOME
        event = HistoryEvent(
            at=fields.need("at", _instant),
            result=fields.need("result", _enum(Result)),
            person=person,
            debts=debts,
            accounts=_accounts(fields, given, call),
            number=number,
            creditor=fields.take("creditor", _optional(_text), call.creditor),
            party_role=fields.take(
                "party_role", _enum(PartyRole), call.party_role if person == call.person else PartyRole.CONSUMER
            ),
            direction=fields.take("direction", _enum(Direction), Direction.OUT),
            channel=fields.take("channel", _enum(Channel), Channel.CALL),
            mode=fields.take("mode", _optional(_enum(Mode)), None),
            voice=fields.take("voice", _enum(Voice), Voice.LIVE),
            number_use=fields.take("number_use", _enum(NumberUse), use),
            message_left=fields.take("message_left", _flag, False),
            voicemail_service=fields.take("voicemail_service", _flag, True),
            under_consent=fields.take("under_consent", _flag, False),
            subject=fields.take("subject", _optional(_text), None),
            campaign=fields.take("campaign", _optional(_text), None),
        )
        fields.finish()
        return event

    return read


def _accounts(fields: _Fields, debts: tuple[str, ...] | None, call: _Call) -> tuple[str, ...]:
    """The account given; else the call's where its debt is meant; else each debt is an account of its own."""
    given = fields.take("account", _optional(_text), None)
    if given is not None:
        return (given,)
    if debts is None or call.debt in debts:
        return (call.account,) if call.account is not None else ()
    return debts


def facts_of(value: object) -> CallFacts:
    """The facts of one case.

    Raises:
        FactsError: the first field that is not as the format says.
    """
    fields = _Fields(value, "")
    for key in _IGNORED:
        fields.has(key)
    number = fields.need("number", _number)
    debt = fields.take("debt", _optional(_text), None)
    campaign = fields.take("campaign_country", _country, "US")
    call = _Call(
        number=number,
        person=fields.take("person", _optional(_text), None),
        debt=debt,
        account=fields.take("account", _optional(_text), debt),
        creditor=fields.take("creditor", _optional(_text), None),
        party_role=fields.take("party_role", _enum(PartyRole), PartyRole.CONSUMER),
    )
    facts = CallFacts(
        id=fields.need("id", _text),
        now=fields.need("now", _instant),
        purpose=fields.need("purpose", _enum(Purpose)),
        number=number,
        mode=fields.take("mode", _enum(Mode), Mode.PREDICTIVE),
        voice=fields.take("voice", _enum(Voice), Voice.LIVE),
        agent_guaranteed=fields.take("agent_guaranteed", _optional(_flag), None),
        campaign_country=campaign,
        campaign=fields.take("campaign", _optional(_text), None),
        subject=fields.take("subject", _optional(_text), None),
        creditor=call.creditor,
        person=call.person,
        debt=debt,
        account=call.account,
        debt_kind=fields.take("debt_kind", _enum(DebtKind), DebtKind.OTHER),
        party_role=call.party_role,
        addresses=fields.take("addresses", _list(_address), ()),
        stated_locations=fields.take("stated_locations", _list(_stated(campaign)), ()),
        history=fields.take("history", _list(_event(call)), ()),
        consents=fields.take("consents", _list(_consent), ()),
        suppressions=fields.take("suppressions", _list(_suppression), ()),
        preferences=fields.take("preferences", _list(_preference), ()),
        registries=fields.take("registries", _registries, Registries()),
        relationship=fields.take("relationship", _relationship, Relationship()),
        emergencies=fields.take("emergencies", _list(_emergency(campaign)), ()),
        policy=fields.take("policy", _policy, CampaignPolicy()),
    )
    fields.finish()
    return facts


# --- lines -----------------------------------------------------------------------------------------------------------


def read_case(line: str | bytes, line_no: int) -> CallFacts | BadInput:
    """One line of a case file.

    Args:
        line: the text, without or with its line end.
        line_no: counted from 1, for messages.
    """
    try:
        text = line.decode("utf-8") if isinstance(line, bytes) else line
        value = json.loads(text, object_pairs_hook=_no_repeats, parse_constant=_no_constants)
    except UnicodeDecodeError:
        return BadInput(None, line_no, "line", "UTF-8 text is expected")
    except FactsError as error:
        return BadInput(_id_amid_errors(text), line_no, error.where, error.wanted)
    except (ValueError, RecursionError):
        return BadInput(None, line_no, "line", "not one JSON object")
    if "\\u" in text and _has_lone_surrogates(value):
        return BadInput(None, line_no, "line", "half of a surrogate pair is no text")
    try:
        return facts_of(value)
    except FactsError as error:
        return BadInput(_id(value), line_no, error.where, error.wanted)


def _has_lone_surrogates(value: object) -> bool:
    """Whether a text in it cannot be written as UTF-8: JSON can spell such halves, no answer could repeat them."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _id_amid_errors(text: str) -> str | None:
    """The id of an object refused while it was read, unless the id itself is what was given twice."""
    ids: list[object] = []

    def keep(pairs: list[tuple[str, object]]) -> object:
        ids[:] = [item for key, item in pairs if key == "id"]  # the outermost object is the last to end
        return dict(pairs)

    try:
        value = json.loads(text, object_pairs_hook=keep)
    except (ValueError, RecursionError):
        return None
    return None if len(ids) != 1 or _has_lone_surrogates(ids) else _id(value)


def _no_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise FactsError(key, "the field is given twice")
            seen.add(key)
    return found


def _no_constants(name: str) -> object:
    raise FactsError("line", f"{name} is not JSON")


def _id(value: object) -> str | None:
    given = value.get("id") if isinstance(value, dict) else None
    return given if isinstance(given, str) else None


def answer(case: CallFacts | BadInput, policy: Policy) -> Decision:
    """The decision on a case, or the refusal of a line that is none."""
    if isinstance(case, CallFacts):
        return decide(case, policy)
    reason = Reason(ReasonCode.BAD_INPUT, "BASE-INPUT", "case format", case.detail)
    return Decision(
        id=case.id,
        outcome=Answer.BLOCK,
        retry_at=None,
        reasons=(reason,),
        counted=False,
        flags=(),
        policy=policy.name_for("*"),
        policy_hash=policy.digest,
        tzdata=policy.tzdata,
    )


def answers(lines: Iterable[str | bytes], policy: Policy) -> Iterator[Decision]:
    """One decision for each line, in order."""
    for line_no, line in enumerate(lines, start=1):
        yield answer(read_case(line, line_no), policy)


def answer_json(decision: Decision) -> str:
    """The answer line of the public format."""
    return json.dumps(
        {
            "id": decision.id,
            "outcome": decision.outcome,
            "retry_at": instant_text(decision.retry_at) if decision.retry_at is not None else None,
            "reasons": [
                {"code": r.code, "rule": r.rule, "citation": r.citation, "detail": r.detail} for r in decision.reasons
            ],
            "counted": decision.counted,
            "flags": list(decision.flags),
            "policy": decision.policy,
            "tzdata": decision.tzdata,
        },
        ensure_ascii=False,
    )


def instant_text(instant: datetime) -> str:
    """RFC 3339 in UTC, as 2026-12-01T16:00:00Z."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
