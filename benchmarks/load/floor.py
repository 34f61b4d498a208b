"""A floor of sixty agents at 45 calls a second, 15 of them answered by a person, with detection and stereo recording.

What is measured is what the law and the agents feel: from the verdict "a person" to both legs in one bridge.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from accounts.model import CampaignSettings
from benchmarks.load.cpu import Reading
from benchmarks.load.site import dialing, raised, stock, voice
from dialer.testing.auto_agent import Habits
from dialer.testing.stage import OWNED
from dialer.trunks import TrunkLimits
from domain.mode import Mode
from domain.outcomes import Outcome
from domain.telephony import RecordingMode, Treatment
from reports.attempt_lines import AttemptLine
from reports.summary import percentiles

AGENTS: Final = 60
CALLS_PER_SECOND: Final = 45.0
WARM_UP_S: Final = 30.0
MEASURED_S: Final = 60.0
ACCOUNTS: Final = 20_000
HABITS: Final = Habits(talk_mean_s=2.4, talk_cv=0.3, hangs_up=1.0, wrap_mean_s=0.3, says_nothing=0.0)
"""Short calls, so that sixty agents can take fifteen people a second."""
SETTINGS: Final = CampaignSettings(
    purpose="debt_third_party",
    country="US",
    creditor="Harbor Bank",
    caller_ids=tuple(number.e164 for number in OWNED),
    recording=RecordingMode.RECORD,
    treatment=Treatment.LATE_AGENT,
    mode=Mode.PREDICTIVE,
)


async def measure(folder: Path, console: Console) -> None:
    """Run the floor and print what came of it."""
    voice(folder / "sipp")
    async with raised(folder, "floor", AGENTS) as site:
        stock(site, ACCOUNTS, SETTINGS)
        limits = TrunkLimits(site.trunk.name, channels=480, calls_per_second=CALLS_PER_SECOND)
        async with dialing(site, limits, HABITS):
            console.print(f"== {AGENTS} agents, {WARM_UP_S:g} s to warm up, {MEASURED_S:g} s measured")
            await asyncio.sleep(WARM_UP_S)
            before, mark = Reading.now(site.pids), site.log_size()
            await asyncio.sleep(MEASURED_S)
            cores, lines = Reading.now(site.pids).shares_since(before), site.log_since(mark)
    console.print(_table(lines, cores))


def _table(lines: tuple[AttemptLine, ...], cores: dict[str, float]) -> Table:
    joined = [line for line in lines if line.joined_at is not None and line.treated_at is None]
    connect = percentiles([ms for line in joined if (ms := connect_ms(line)) is not None])
    abandoned = sum(line.treated_at is not None or line.outcome is Outcome.ABANDONED for line in lines)
    rows = (
        ("attempts/s", f"{len(lines) / MEASURED_S:.1f}"),
        ("answered/s", f"{sum(line.answered_at is not None for line in lines) / MEASURED_S:.1f}"),
        ("connected/s", f"{len(joined) / MEASURED_S:.1f}"),
        ("late or abandoned", f"{abandoned} of {len(joined) + abandoned}"),
        ("verdict to bridge, p50", f"{connect.p50} ms"),
        ("verdict to bridge, p99", f"{connect.p99} ms"),
        ("cores in use", ", ".join(f"{name} {share:.2f}" for name, share in cores.items())),
    )
    table = Table(title=f"{AGENTS} agents, detection and stereo recording on", title_justify="left", show_header=False)
    for row in rows:
        table.add_row(*row)
    return table


def connect_ms(line: AttemptLine) -> float | None:
    """From the verdict to both legs in the bridge."""
    if line.verdict_at is None or line.joined_at is None:
        return None
    return (line.joined_at - line.verdict_at) / timedelta(milliseconds=1)
