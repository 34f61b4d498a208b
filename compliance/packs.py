"""Policy packs: reading rules from TOML, refusing every mistake with the file and line it is in.

A pack is one country's (or every country's) rules of one version. Nothing is defaulted that a reader of the pack would
not expect: an unknown key, kind, purpose, state, list or consent is an error.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

from compliance import frequency as fr
from compliance import reserved, suppression, windows
from compliance.facts import (
    Channel,
    ConsentKind,
    DebtKind,
    Direction,
    GivenTo,
    NumberUse,
    PartyRole,
    Purpose,
    Reassigned,
    Result,
    SuppressionKind,
    Voice,
)
from compliance.moment import Check
from compliance.rules import Basis, Confidence, Kind, Rule, Severity, When
from domain.reasons import ReasonCode

E = TypeVar("E", bound=StrEnum)

_WEEK: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class PolicyError(ValueError):
    """A policy pack is wrong: file, line, what is wanted."""


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """One file of rules.

    Attributes:
        country: ISO alpha-2, or `*`.
        version: as `2026.11`.
        digest: SHA-256 of the file's bytes.
        customer: made by a customer; may tighten only.
    """

    id: str
    country: str
    version: str
    title: str
    rules: tuple[Rule, ...]
    digest: str
    customer: bool
    expires: date | None
    loosened: tuple[Loosening, ...]


@dataclass(frozen=True, slots=True)
class Loosening:
    """A customer's decision to ask less than a presumption or guideline does, under somebody's name.

    Attributes:
        rule: the id.
        max: the count allowed instead; None: the rule is off.
        approved_by: a person, not a department.
        reason: for the audit.
    """

    rule: str
    max: int | None
    approved_by: str
    approved_on: date
    reason: str
    where: str


class Reader:
    """A TOML table that is read key by key; each mistake is reported with its line, an unread key at the end."""

    def __init__(self, table: Mapping[str, Any], file: str, lines: Mapping[str, int], line: int) -> None:
        self._table = table
        self._file = file
        self._lines = lines
        self._line = line
        self._read: set[str] = set()

    def error(self, key: str, wanted: str) -> PolicyError:
        return PolicyError(f"{self._file}:{self._lines.get(key, self._line)}: {key}: {wanted}")

    @property
    def where(self) -> str:
        return f"{self._file}:{self._line}"

    def has(self, key: str) -> bool:
        return key in self._table

    def _get(self, key: str, kind: type | tuple[type, ...], wanted: str) -> Any:
        self._read.add(key)
        if key not in self._table:
            raise self.error(key, f"missing; {wanted} is expected")
        value = self._table[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
            raise self.error(key, f"{wanted} is expected")
        return value

    def text(self, key: str) -> str:
        value: str = self._get(key, str, "text")
        if not value.strip():
            raise self.error(key, "text is expected, not an empty one")
        return value

    def whole(self, key: str, least: int = 1) -> int:
        value: int = self._get(key, int, f"a whole number of at least {least}")
        if value < least:
            raise self.error(key, f"a whole number of at least {least} is expected")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        if key not in self._table:
            return default
        value: bool = self._get(key, bool, "true or false")
        return value

    def day(self, key: str) -> date:
        value: date = self._get(key, date, "a date, as 2026-11-22")
        if isinstance(value, datetime):
            raise self.error(key, "a date without a time is expected")
        return value

    def words(self, key: str) -> frozenset[str]:
        if key not in self._table:
            return frozenset()
        value = self._get(key, list, "a list of texts")
        if not all(isinstance(item, str) and item for item in value):
            raise self.error(key, "a list of texts is expected")
        return frozenset(value)

    def one(self, key: str, enum: type[E]) -> E:
        value = self._get(key, str, f"one of {', '.join(enum)}")
        try:
            return enum(value)
        except ValueError:
            raise self.error(key, f"{value!r} is not one of {', '.join(enum)}") from None

    def many(self, key: str, enum: type[E]) -> frozenset[E]:
        found = []
        for value in self.words(key):
            try:
                found.append(enum(value))
            except ValueError:
                raise self.error(key, f"{value!r} is not one of {', '.join(enum)}") from None
        return frozenset(found)

    def table(self, key: str) -> Reader:
        value = self._get(key, dict, "a table")
        return Reader(value, self._file, {}, self._lines.get(key, self._line))

    def finish(self) -> None:
        """Refuse keys nobody asked for.

        Raises:
            PolicyError: at the first of them.
        """
        for key in self._table:
            if key not in self._read:
                raise self.error(key, "unknown key; look for a misspelling")


# --- parameters of each kind -----------------------------------------------------------------------------------------

_STRETCH: Final = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


def _hours(reader: Reader, key: str) -> windows.Hours:
    text = reader.text(key)
    if text == "none":
        return ()
    stretches: list[tuple[int, int]] = []
    for part in text.split():
        match = _STRETCH.fullmatch(part)
        if match is None:
            raise reader.error(key, f"hours like 08:00-21:00, or none, are expected, not {part!r}")
        a, b, c, d = (int(group) for group in match.groups())
        start, end = a * 60 + b, c * 60 + d
        if start >= end or end > 1440 or (stretches and start < stretches[-1][1]):
            raise reader.error(key, "each stretch must end after it begins, by 24:00, and after the one before")
        stretches.append((start, end))
    return tuple(stretches)


def _window(reader: Reader, known: Known) -> windows.WindowParams:
    hours = reader.table("hours")
    every = _hours(hours, "all") if hours.has("all") else None
    weekday = _hours(hours, "weekday") if hours.has("weekday") else every
    week = []
    for index, name in enumerate(_WEEK):
        day = _hours(hours, name) if hours.has(name) else (weekday if index < 5 else every)
        if day is None:
            raise reader.error("hours", f"no hours are given for {name}")
        week.append(day)
    holidays = reader.text("holidays") if reader.has("holidays") else None
    if holidays is not None and holidays not in known.holidays:
        raise reader.error("holidays", f"there is no list of holidays {holidays!r}")
    if (holidays is None) is hours.has("holiday"):
        raise reader.error("hours", "hours.holiday and holidays belong together")
    zone = reader.text("zone") if reader.has("zone") else None
    if zone is not None and zone not in known.zones:
        raise reader.error("zone", f"{zone!r} is not an IANA zone")
    params = windows.WindowParams(
        week=tuple(week),
        holidays=holidays,
        holiday_hours=_hours(hours, "holiday") if holidays is not None else (),
        eve_hours=_hours(hours, "eve") if hours.has("eve") else None,
        lifted_by=reader.many("lifted_by", ConsentKind),
        lifted_given_to=reader.one("lifted_given_to", GivenTo) if reader.has("lifted_given_to") else None,
        relationship_lifts=reader.flag("relationship_lifts", default=False),
        zone=zone,
    )
    hours.finish()
    return params


def _spans(reader: Reader) -> tuple[fr.Span, ...]:
    spans = []
    for text in sorted(reader.words("window")):
        name, _, n = text.partition(" ")
        counted = name in {fr.SpanKind.CALENDAR_DAYS, fr.SpanKind.ROLLING_HOURS}
        if name not in set(fr.SpanKind) or counted is not n.isdecimal() or (n and int(n) < 1):
            raise reader.error("window", f"{text!r} is not a span, as 'calendar_days 7' or 'calendar_month'")
        spans.append(fr.Span(fr.SpanKind(name), int(n or 1)))
    if not spans:
        raise reader.error("window", "missing; a list of spans is expected")
    return tuple(spans)


def _frequency(reader: Reader, _known: Known, code: ReasonCode = ReasonCode.FREQUENCY) -> fr.FrequencyParams:
    plain = fr.FrequencyParams(max=1, spans=())
    return fr.FrequencyParams(
        max=reader.whole("max"),
        spans=_spans(reader),
        count_by=tuple(sorted(reader.many("count_by", fr.Key))),
        channels=reader.many("channels", Channel) or plain.channels,
        directions=reader.many("directions", Direction) or plain.directions,
        results=reader.many("results", Result),
        exclude=reader.many("exclude", Result) or plain.exclude,
        roles=reader.many("count_roles", PartyRole),
        uses=reader.many("count_uses", NumberUse),
        voice=reader.one("count_voice", Voice) if reader.has("count_voice") else None,
        consented=reader.flag("count_consented", default=False),
        consent_lifts=reader.flag("consent_lifts", default=True),
        lifted_by=reader.many("lifted_by", ConsentKind),
        revoked_by=reader.many("revoked_by", ConsentKind),
        relationship_lifts=reader.flag("relationship_lifts", default=False),
        voicemail_only=reader.flag("voicemail_only", default=False),
        reserved_lifts=reader.flag("reserved_lifts", default=False),
        after_first=reader.flag("after_first", default=False),
        code=reader.one("code", ReasonCode) if reader.has("code") else code,
    )


def _cool_off(reader: Reader, known: Known) -> fr.FrequencyParams:
    return _frequency(reader, known, ReasonCode.COOL_OFF)


def _reserved_agent(reader: Reader, known: Known) -> fr.FrequencyParams:
    return _frequency(reader, known, ReasonCode.RESERVED_AGENT_REQUIRED)


def _suppression(reader: Reader, _known: Known) -> suppression.SuppressionParams:
    return suppression.SuppressionParams(
        kind=reader.one("suppression", SuppressionKind),
        days=reader.whole("days") if reader.has("days") else None,
        lifted_by=reader.many("lifted_by", ConsentKind),
        relationship_lifts=reader.flag("relationship_lifts", default=False),
        except_roles=reader.many("except_roles", PartyRole),
        spouse_too=reader.flag("spouse_too", default=False),
    )


def _consent(reader: Reader, _known: Known) -> suppression.ConsentParams:
    params = suppression.ConsentParams(
        any_of=reader.many("any_of", ConsentKind),
        given_to=reader.one("given_to", GivenTo) if reader.has("given_to") else None,
        relationship_lifts=reader.flag("relationship_lifts", default=False),
        ported_days=reader.whole("ported_days") if reader.has("ported_days") else None,
        ported_unless=reader.many("ported_unless", SuppressionKind),
        revoked_by=reader.many("revoked_by", ConsentKind),
    )
    if not params.any_of:
        raise reader.error("any_of", "missing; a list of kinds of consent is expected")
    return params


def _workplace(reader: Reader, _known: Known) -> suppression.WorkplaceParams:
    if not reader.has("once"):
        return suppression.WorkplaceParams()
    once = fr.FrequencyParams(
        max=reader.whole("once"),
        spans=(fr.Span(fr.SpanKind.EVER),),
        count_by=(fr.Key.PERSON,),
        uses=frozenset({NumberUse.WORK}),
        code=ReasonCode.WORKPLACE,
    )
    return suppression.WorkplaceParams(once, reader.words("once_except_states"))


def _none(_reader: Reader, _known: Known) -> None:
    """A kind whose rule is all in its name."""


_KINDS: Final[Mapping[Kind, tuple[Callable[[Reader, Known], object], Check]]] = {
    Kind.NUMBER_CLASS: (_none, reserved.check_number_class),
    Kind.COUNTRY: (_none, reserved.check_country),
    Kind.SUPPRESSION: (_suppression, suppression.check_suppression),
    Kind.REGISTRY: (
        lambda reader, _: suppression.RegistryParams(reader.whole("max_age_days")),
        suppression.check_registry,
    ),
    Kind.REASSIGNED: (
        lambda reader, _: suppression.ReassignedParams(reader.many("answers", Reassigned)),
        suppression.check_reassigned,
    ),
    Kind.PARTY: (lambda reader, _: suppression.PartyParams(reader.many("never", PartyRole)), suppression.check_party),
    Kind.MEDIUM: (_none, suppression.check_medium),
    Kind.WORKPLACE: (_workplace, suppression.check_workplace),
    Kind.CONSENT: (_consent, suppression.check_consent),
    Kind.LOCATION: (_none, reserved.check_location),
    Kind.WINDOW: (_window, windows.check_window),
    Kind.EMERGENCY: (_none, windows.check_emergency),
    Kind.INCONVENIENT_TIME: (_none, windows.check_inconvenient),
    Kind.NOTICE_WAIT: (lambda reader, _: fr.NoticeParams(reader.whole("days")), fr.check_notice),
    Kind.FREQUENCY: (_frequency, fr.check_frequency),
    Kind.COOL_OFF: (_cool_off, fr.check_frequency),
    Kind.MIN_GAP: (_none, fr.check_min_gap),
    Kind.DAILY_CAP: (lambda reader, _: fr.OwnLimit(reader.one("per", fr.Key)), fr.check_daily_cap),
    Kind.RESERVED_AGENT: (_reserved_agent, fr.check_frequency),
    Kind.RECORDED_MESSAGE: (_none, reserved.check_recorded_message),
    Kind.BRAKE: (_none, reserved.check_brake),
    Kind.RECORDING: (_none, reserved.check_nothing),
    Kind.CONTENT: (_none, reserved.check_nothing),
}


def check_of(kind: Kind) -> Check:
    """The function that decides rules of the kind."""
    return _KINDS[kind][1]


@dataclass(frozen=True, slots=True)
class Known:
    """Names a pack may refer to."""

    holidays: frozenset[str]
    zones: frozenset[str]
    states: Mapping[str, frozenset[str]]
    cities: frozenset[str]


def parse_pack(text: str, file: str, known: Known, *, customer: bool = False) -> Pack:
    """Read one pack.

    Args:
        text: the file's content.
        file: its name, for messages.
        known: what rules may refer to.
        customer: whether it is a customer's own pack.

    Raises:
        PolicyError: the first mistake, with file and line.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{file}: not valid TOML: {error}") from error
    head_lines, rule_lines = _line_numbers(text)
    top = Reader(content, file, head_lines, 1)
    head = Reader(top.table("pack")._table, file, head_lines, head_lines.get("pack", 1))  # own class
    pack_id, country = head.text("id"), head.text("country")
    version, title, reviewed_on = head.text("version"), head.text("title"), head.day("reviewed_on")
    expires = head.day("expires") if head.has("expires") else None
    head.finish()
    rows = content.get("rule", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise top.error("rule", "rules are written as [[rule]]")
    if unknown := content.keys() - {"pack", "rule", *(["loosen"] if customer else [])}:
        raise top.error(min(unknown), "unknown table; look for a misspelling")
    rules = []
    for row, lines in zip(rows, rule_lines, strict=True):
        row.setdefault("reviewed_on", reviewed_on)
        rules.append(_rule(Reader(row, file, lines, lines["rule"]), pack_id, country, known))
    refuse_repeated(rules)
    digest = hashlib.sha256(text.encode()).hexdigest()
    loosened = _loosenings(content.get("loosen", []), file, text)
    return Pack(pack_id, country, version, title, tuple(rules), digest, customer, expires, loosened)


def _loosenings(rows: Any, file: str, text: str) -> tuple[Loosening, ...]:
    lines = [number for number, line in enumerate(text.splitlines(), start=1) if line.strip() == "[[loosen]]"]
    if not isinstance(rows, list) or len(rows) != len(lines):
        raise PolicyError(f"{file}: loosen: written as [[loosen]], a line of its own")
    found = []
    for row, line in zip(rows, lines, strict=True):
        reader = Reader(row, file, {}, line)
        off = reader.flag("off", default=False)
        if off is reader.has("max"):
            raise reader.error("off", "either off = true or a max is expected")
        loosening = Loosening(
            rule=reader.text("rule"),
            max=None if off else reader.whole("max"),
            approved_by=reader.text("approved_by"),
            approved_on=reader.day("approved_on"),
            reason=reader.text("reason"),
            where=reader.where,
        )
        reader.finish()
        found.append(loosening)
    return tuple(found)


def loosen(rules: Iterable[Rule], loosenings: Iterable[Loosening]) -> list[Rule]:
    """The rules as a customer's named people loosened them.

    Raises:
        PolicyError: no such rule, a hard rule, or one without a count that could be raised.
    """
    by_id = {loosening.rule: loosening for loosening in loosenings}
    kept, met = [], set()
    for rule in rules:
        loosening = by_id.get(rule.id)
        if loosening is None:
            kept.append(rule)
            continue
        met.add(rule.id)
        if rule.severity is Severity.HARD:
            raise PolicyError(f"{loosening.where}: rule: {rule.id} is hard; nobody can loosen it")
        if loosening.max is None:
            continue
        if not isinstance(rule.params, fr.FrequencyParams) or loosening.max < rule.params.max:
            raise PolicyError(f"{loosening.where}: max: {rule.id} has no count that this would raise")
        kept.append(replace(rule, params=replace(rule.params, max=loosening.max)))
    if unknown := by_id.keys() - met:
        raise PolicyError(f"{by_id[min(unknown)].where}: rule: there is no rule {min(unknown)}")
    return kept


def refuse_repeated(rules: Iterable[Rule]) -> None:
    """Versions of one rule may stand side by side, but only one is in force on any day.

    Raises:
        PolicyError: two of one id overlap.
    """
    seen: dict[str, list[Rule]] = {}
    for rule in rules:
        for other in seen.setdefault(rule.id, []):
            if _begins(rule) <= _ends(other) and _begins(other) <= _ends(rule):
                raise PolicyError(f"{rule.where}: id: {rule.id} stands already at {other.where} for the same dates")
        seen[rule.id].append(rule)


def _begins(rule: Rule) -> date:
    return rule.effective_from or date.min


def _ends(rule: Rule) -> date:
    return rule.effective_to or date.max


def _line_numbers(text: str) -> tuple[dict[str, int], list[dict[str, int]]]:
    """Line of each key of the head, and of each rule: tomllib keeps none."""
    head: dict[str, int] = {}
    rules: list[dict[str, int]] = []
    current = head
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped.startswith("[[rule]]"):
            current = {"rule": number}
            rules.append(current)
        elif match := re.match(r"\[([A-Za-z_]+)\]|([A-Za-z_]+)\s*[.=]", stripped):
            current.setdefault(match.group(1) or match.group(2), number)
    return head, rules


def _rule(reader: Reader, pack: str, country: str, known: Known) -> Rule:
    kind = reader.one("kind", Kind)
    parse, _ = _KINDS[kind]
    states = reader.words("states")
    named = known.states.get(country)
    for state in (states | reader.words("except_states")) - (named or states):
        raise reader.error("states", f"{state!r} is not a state of {country}")
    cities = reader.words("cities")
    for city in cities - known.cities:
        raise reader.error("cities", f"{city!r} has no entry in places.toml")
    purposes = reader.many("purpose", Purpose)
    if not purposes:
        raise reader.error("purpose", "missing; a list of purposes is expected")
    rule = Rule(
        id=reader.text("id"),
        kind=kind,
        purposes=purposes,
        country=country,
        citation=reader.text("citation"),
        confidence=reader.one("confidence", Confidence),
        reviewed_on=reader.day("reviewed_on"),
        severity=reader.one("severity", Severity),
        text=reader.text("text"),
        params=parse(reader, known),
        states=states,
        cities=cities,
        basis=reader.many("basis", Basis) or frozenset(Basis),
        except_countries=reader.words("except_countries"),
        except_states=reader.words("except_states"),
        when=_when(reader),
        message_too=reader.flag("message_too", default=True),
        effective_from=reader.day("effective_from") if reader.has("effective_from") else None,
        effective_to=reader.day("effective_to") if reader.has("effective_to") else None,
        pack=pack,
        where=reader.where,
    )
    if rule.effective_from and rule.effective_to and rule.effective_to < rule.effective_from:
        raise reader.error("effective_to", "lies before effective_from")
    reader.finish()
    return rule


def _when(reader: Reader) -> When:
    if not reader.has("when"):
        return When()
    table = reader.table("when")
    flags = {
        name: table.flag(name, default=False) if table.has(name) else None
        for name in ("automated", "autodialled", "wireless")
    }
    when = When(
        voice=table.one("voice", Voice) if table.has("voice") else None,
        automated=flags["automated"],
        autodialled=flags["autodialled"],
        wireless=flags["wireless"],
        roles=table.many("roles", PartyRole),
        uses=table.many("uses", NumberUse),
        debts=table.many("debts", DebtKind),
        debts_except=table.many("debts_except", DebtKind),
    )
    table.finish()
    return when


def read_pack(path: Path, known: Known, *, customer: bool = False) -> Pack:
    """Read one pack from a file.

    Raises:
        PolicyError: unreadable, or wrong; with file and line.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: cannot be read as UTF-8 text: {error}") from error
    return parse_pack(text, str(path), known, customer=customer)
