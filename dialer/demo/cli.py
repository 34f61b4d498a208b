"""`dialer demo`: a collections floor on this machine, at any hour, with nothing but this checkout."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from dialer import logs
from dialer.asterisk.install import install
from dialer.command_line import console, fail
from dialer.demo import sample
from dialer.demo.decisions import decisions_part
from dialer.demo.run import DemoPlan, run
from dialer.demo.terminal import TerminalReporter
from reports.goals import demo_goals
from reports.summary import write_summary
from reports.terminal import report


def demo(
    folder: Annotated[Path, typer.Option(help="where everything of the demo goes; emptied first")] = Path("var/demo"),
    seed: Annotated[int, typer.Option(help="same seed, same people", min=1, max=999_999)] = 1,
    accounts: Annotated[
        int, typer.Option(help="accounts of the progressive campaign, 0 for all 220; the others have 60", min=0)
    ] = 0,
    power: Annotated[bool, typer.Option(help="run the power campaign too")] = True,
    predictive: Annotated[bool, typer.Option(help="run the predictive campaign too")] = True,
) -> None:
    """Place real SIP calls through a real Asterisk to a test carrier, and report what came of them."""
    if folder.exists() and any(folder.iterdir()) and not (folder / "fairdial.db").exists():
        fail(f"{folder} holds something that is no demo; name another folder, it would be emptied")
    reporter = TerminalReporter(console)
    reporter.step("Private Asterisk")
    root = install(report=reporter.say)
    log = logs.configure(folder.parent / "log")
    reporter.say(f"Logs go to {log}; they hold no numbers and no names.")
    progressive = sample.progressive_accounts(seed)
    plan = DemoPlan(
        folder=folder,
        progressive=progressive[:accounts] if accounts else progressive,
        power=sample.power_accounts(seed) if power else (),
        predictive=sample.predictive_accounts(seed) if predictive else (),
        cache=folder.parent / "cache",
        seed=seed,
    )
    result = asyncio.run(run(plan, root, reporter))
    goals = demo_goals(result.summary, result.expected_blocks)
    console.print(decisions_part(result.pacing))
    console.print(report(result.summary, result.evidence, goals))
    write_summary(result.summary, folder / "summary.json")
    console.print(f"Summary: {folder / 'summary.json'}   recordings: {folder / 'recordings'}", highlight=False)
    if not accounts and power and not all(goal.met for goal in goals):
        fail("the demo did not reach its goals; the table above says which")
