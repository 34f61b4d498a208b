"""`dialer compliance`: the gate on given facts, from the command line. Reads, prints, decides nothing itself."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from compliance import abandonment, diff, dnc, rule_table
from compliance.cases import BadInput, answer_json, answers, facts_of, read_case
from compliance.facts import CallFacts, FactsError
from compliance.packs import PolicyError
from compliance.policy import Policy, load_policy
from dialer import emergency_cli, officer_cli
from domain.ids import AttemptId, is_call_id

app = typer.Typer(no_args_is_help=True, help="May this number be called: check, explain, count, compare.")
policy_app = typer.Typer(no_args_is_help=True, help="Compare versions of the rules.")
app.add_typer(policy_app, name="policy")
app.add_typer(emergency_cli.app, name="emergency")

Packs = Annotated[
    list[Path] | None,
    typer.Option("--customer-pack", help="A customer's own pack (TOML), which may tighten; may be given again."),
]


def _fail(message: str) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(2)


def _policy(customer: list[Path] | None = None, directory: Path | None = None) -> Policy:
    try:
        return load_policy(directory, customer=customer or [])
    except PolicyError as error:
        raise _fail(str(error)) from error


def _lines(file: Path) -> Iterator[bytes]:
    """Lines of a file, or of standard input for `-`."""
    if str(file) == "-":
        yield from _split(sys.stdin.buffer)
        return
    try:
        with file.open("rb") as handle:
            yield from _split(handle)
    except OSError as error:
        raise _fail(f"{file}: cannot be read: {error.strerror}") from error


def _split(handle: BinaryIO) -> Iterator[bytes]:
    for number, line in enumerate(handle):
        bare = line.rstrip(b"\r\n")
        yield bare.removeprefix(b"\xef\xbb\xbf") if number == 0 else bare


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="Cases, one JSON object a line; - is standard input.")] = Path("-"),
    customer_pack: Packs = None,
) -> None:
    """Answer one decision line for each case line, in order."""
    policy = _policy(customer_pack)
    for decision in answers(_lines(file), policy):
        sys.stdout.write(answer_json(decision) + "\n")
    sys.stdout.flush()


@app.command(name="abandonment")
def abandonment_command(
    file: Annotated[Path, typer.Argument(help="Counts, one JSON object a line; - is standard input.")],
) -> None:
    """Turn counts into numerator, denominator, rate, bound and the calls left.

    A line: {"id": "A02", "formula": "us", "live": 1000, "abandoned": 31}. Formulas: us, us_debt, uk_amd, uk_no_amd, ca,
    it. Further fields: false_positives, passed, agent_machines, agent_calls, limit (a share, stricter alone).
    """
    bad = False
    for number, line in enumerate(_lines(file), start=1):
        try:
            shown = _standing(line)
        except (ValueError, FactsError) as error:
            bad = True
            shown = {"id": None, "error": f"line {number}: {error}"}
        typer.echo(json.dumps(shown, ensure_ascii=False))
    if bad:
        raise typer.Exit(1)


_COUNTS = ("live", "abandoned", "false_positives", "passed", "agent_machines", "agent_calls")


def _standing(line: bytes) -> dict[str, object]:
    row = json.loads(line)
    if not isinstance(row, dict):
        raise FactsError("line", "an object is expected")
    if unknown := row.keys() - {"id", "formula", "limit", "machines", *_COUNTS}:
        raise FactsError(min(unknown), "unknown field")
    for name in (*_COUNTS, "machines"):
        if name in row and (not isinstance(row[name], int) or isinstance(row[name], bool) or row[name] < 0):
            raise FactsError(name, "a whole number, zero or more, is expected")
    try:
        formula = abandonment.Formula(row.get("formula", ""))
    except ValueError:
        raise FactsError("formula", f"one of {', '.join(abandonment.Formula)} is expected") from None
    limit = row.get("limit")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int | float)):
        raise FactsError("limit", "a share is expected, as 0.03")
    counts = abandonment.Counts(**{name: row[name] for name in _COUNTS if name in row})
    found = abandonment.standing(formula, counts, None if limit is None else Fraction(str(limit)))
    terms = abandonment.TERMS[formula]
    return {
        "id": row.get("id"),
        "formula": formula,
        "numerator": _plain(found.numerator),
        "denominator": _plain(found.denominator),
        "rate": round(float(found.rate), 6),
        "limit": float(found.limit),
        "verdict": "ok" if found.within else "breach",
        "upper_bound": round(found.upper_bound, 6),
        "calls_left": found.calls_left,
        "braked": found.braked,
        "window": terms.window,
        "binding": terms.binding,
        "citation": terms.citation,
    }


def _plain(value: Fraction) -> int | float:
    return value.numerator if value.denominator == 1 else round(float(value), 6)


@app.command()
def explain(
    what: Annotated[
        str, typer.Argument(help="An attempt (32 hex digits), or a number in E.164 form, as +12125550147.")
    ],
    at: Annotated[str, typer.Option("--at", help="For a number: instant with offset, as 2026-12-01T13:00:00Z.")] = "",
    facts: Annotated[Path | None, typer.Option(help="A file with one case whose other facts are used.")] = None,
    purpose: Annotated[str, typer.Option(help="Purpose of the call.")] = "debt_third_party",
    zip_code: Annotated[str | None, typer.Option("--zip", help="ZIP code of a known address.")] = None,
    state: Annotated[str | None, typer.Option(help="State of a known address.")] = None,
    country: Annotated[str, typer.Option(help="Country whose rules the campaign follows.")] = "US",
    blocking: Annotated[bool, typer.Option("--blocking", help="Only the rules that block.")] = False,
    customer_pack: Packs = None,
) -> None:
    """Say what every rule says of an attempt, or of calling a number at an instant, a sentence each.

    An attempt is explained by the facts recorded with it, and replayed. A number's facts come from the account store
    where an account is called there, unless facts are given here.
    """
    if is_call_id(what):
        officer_cli.explain_attempt(AttemptId(what), _policy(customer_pack), blocking=blocking)
        return
    if not at:
        raise _fail("--at: say when the number would be called, as 2026-12-01T13:00:00Z (an attempt is 32 hex digits)")
    case = _given(what, at, facts, purpose, {"zip": zip_code, "state": state}, country)
    policy = _policy(customer_pack)
    given = facts is not None or zip_code is not None or state is not None
    if not given and officer_cli.explain_known(what, case.now, policy, blocking=blocking):
        return
    officer_cli.say(case, policy, blocking=blocking)


def _given(
    number: str, at: str, file: Path | None, purpose: str, address: dict[str, str | None], country: str
) -> CallFacts:
    """The facts given on the command line, laid over those of a file."""
    value: dict[str, object] = {"id": "explain", "purpose": purpose, "campaign_country": country}
    if file is not None:
        lines = [line for line in _lines(file) if line.strip()]
        if len(lines) != 1:
            raise _fail(f"{file}: exactly one case is expected, there are {len(lines)}")
        case = read_case(lines[0], 1)
        if isinstance(case, BadInput):
            raise _fail(f"{file}: {case.detail}")
        value = json.loads(lines[0])
    old = value.get("number")
    value["number"] = {**(old if isinstance(old, dict) else {}), "e164": number}
    value["now"] = at
    known = {key: text for key, text in address.items() if text is not None}
    if known:
        value["addresses"] = [{**known, "country": country}]
    try:
        return facts_of(value)
    except FactsError as error:
        raise _fail(str(error)) from error


@policy_app.command(name="diff")
def policy_diff(
    old: Annotated[Path, typer.Argument(help="Directory of the old packs.")],
    new: Annotated[Path, typer.Argument(help="Directory of the new packs.")],
    against: Annotated[
        Path, typer.Option(help="What to answer under both: yesterday (UTC, from the store), or a file of cases.")
    ],
) -> None:
    """Name the rules that differ and the calls whose answer would change."""
    before, after = _policy(directory=old), _policy(directory=new)
    console = Console(highlight=False, soft_wrap=True)
    for rule in diff.rule_changes(before, after):
        console.print(f"rule {rule.id}: {rule.what}", markup=False)
    calls, refused = (officer_cli.yesterdays_calls(), 0) if str(against) == "yesterday" else _cases(against)
    tally: Counter[str] = Counter()
    for change in diff.changes(calls, before, after):
        tally[change.what] += 1
        reasons = ", ".join(reason.rule for reason in change.after.reasons) or "none"
        console.print(f"call {change.facts.id}: {change.what}; now blocked by: {reasons}", markup=False)
    summary = ", ".join(f"{count} {what}" for what, count in sorted(tally.items())) or "no call changes"
    console.print(f"{len(calls)} calls: {summary}" + (f"; {refused} lines were no case" if refused else ""))


def _cases(file: Path) -> tuple[list[CallFacts], int]:
    read = [read_case(line, number) for number, line in enumerate(_lines(file), start=1)]
    calls = [case for case in read if isinstance(case, CallFacts)]
    return calls, len(read) - len(calls)


@app.command()
def preflight(
    what: Annotated[
        str, typer.Argument(help="A campaign; or a file of cases, one JSON object a line; - is standard input.")
    ],
    at: Annotated[datetime | None, typer.Option(help="Judge all of them at this instant (UTC).")] = None,
    customer_pack: Packs = None,
) -> None:
    """Count how many calls each rule will skip, and when the others may next be placed. Nothing is written."""
    policy = _policy(customer_pack)
    instant = None if at is None else at.replace(tzinfo=UTC)
    if what != "-" and not Path(what).is_file():
        officer_cli.preflight(what, instant, policy)
        return
    calls, refused = _cases(Path(what))
    if instant is not None:
        calls = [replace(facts, now=instant) for facts in calls]
    officer_cli.show_preflight(f"{len(calls)} calls", diff.preflight(calls, policy))
    typer.echo(f"Lines that were no case: {refused}.")


@app.command(name="dnc-build")
def dnc_build(
    sources: Annotated[list[Path], typer.Argument(help="Files of the registry, one number a line.")],
    target: Annotated[Path, typer.Option("--to", help="The list to write; replaced only when all of it is built.")],
    file_date: Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="Day the registry issued them.")],
) -> None:
    """Build the list of a national do-not-call registry, with a bar of progress."""
    total = sum(source.stat().st_size for source in sources if source.is_file())
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("reading", total=total or None)
        try:
            count = dnc.build(sources, target, file_date.date(), lambda done: bar.update(task, completed=done))
        except dnc.DncError as error:
            raise _fail(str(error)) from error
    typer.echo(f"{target}: {count:,} numbers as of {file_date:%Y-%m-%d}")


@app.command()
def rules(
    markdown: Annotated[bool, typer.Option("--markdown", help="As the page docs/reference/rules.md.")] = False,
    country: Annotated[str | None, typer.Option(help="Only rules of one country.")] = None,
    customer_pack: Packs = None,
) -> None:
    """List the rules in force, from the packs themselves."""
    policy = _policy(customer_pack)
    if markdown:
        sys.stdout.write(rule_table.markdown(policy))
        return
    table = Table("rule", "kind", "where", "for", "what", "severity", title=f"{len(policy.rules)} rules")
    for rule, row in zip(policy.rules, rule_table.rows(policy), strict=True):
        if country is None or rule.country in {country, "*"}:
            table.add_row(*row)
    Console(highlight=False).print(table)


if __name__ == "__main__":
    app()
