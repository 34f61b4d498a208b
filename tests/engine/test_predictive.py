"""Predictive dialing in the whole engine, in virtual time: it keeps its budget, is worth it, and survives trouble."""

import asyncio
import json
import math
import random
import shutil
import statistics
from dataclasses import dataclass

import pytest

from agent_gateway.agent import AgentState
from dialer.campaign_loop import LoopStatus
from dialer.testing import world
from dialer.testing.simulated_switch import Script
from dialer.testing.world import Setup, World, settings
from domain.mode import Mode
from domain.outcomes import Verdict
from pacing.floor import Pacer
from pacing.settings import Mode as PacingMode
from pacing.simulation.distributions import Spread
from pacing.simulation.policies import policy_named
from pacing.simulation.study import standard_document
from pacing.simulation.workload import parse
from pacing.simulation.world import World as SimulatedFloor

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

AGENTS = 5
HOUR = 3600.0
ANSWER_P = 0.25
TALK_S, WRAP_S, PDD_S, DETECT_S, RING_LIMIT_S = 60.0, 20.0, 0.3, 1.5, 25.0
BUSY = frozenset({AgentState.TALKING, AgentState.HOLD, AgentState.WRAP_UP})


class FarEnd:
    """The standard workload's far ends, drawn one a call: a quarter of the dials reach a person."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._ring = Spread("lognormal", mean=10, cv=0.5, high=24).sampler()
        self._machine = Spread("lognormal", mean=14, cv=0.4, high=24).sampler()
        self._talk = Spread("lognormal", mean=TALK_S, cv=1.0).sampler()

    def __call__(self, _number) -> Script:
        chance = self._random
        person = Script(ring_s=self._ring(chance), talk_s=self._talk(chance), patience_s=60.0)
        machine = Script(ring_s=self._machine(chance), verdict=Verdict.MACHINE)
        failure = Script(ring_s=chance.uniform(1.0, 4.0), rings=False, refusal=480)
        weights = (ANSWER_P, 0.7 * (1 - ANSWER_P), 0.2 * (1 - ANSWER_P), 0.1 * (1 - ANSWER_P))
        return chance.choices((person, Script(ring_s=None), machine, failure), weights)[0]


@dataclass(frozen=True)
class Shift:
    """What one shift of the whole engine came to."""

    utilisation: float
    placed: int
    status: LoopStatus
    learned: Pacer

    @property
    def abandonment(self) -> float:
        return self.status.abandoned_today / self.status.live_today


def learned_by(w: World) -> Pacer:
    return w.engine.pacer_of(w.campaign).learned


def shift(folder, mode: Mode, seconds: float) -> Shift:
    async def scenario(w: World):
        await asyncio.sleep(seconds)
        busy = sum((one.ended - one.began).total_seconds() for one in w.seen.intervals if one.state in BUSY)
        status = w.engine.status()[w.campaign]
        return Shift(busy / AGENTS / seconds, w.engine.counters.placed, status, learned_by(w))

    campaign = settings(mode=mode, wrap_up_s=WRAP_S, ring_timeout_s=RING_LIMIT_S)
    accounts = int(seconds / 2)
    return world.run(Setup(folder, campaign, AGENTS, accounts, FarEnd(7)), scenario)


@pytest.fixture(scope="module")
def hour(tmp_path_factory) -> Shift:
    return shift(tmp_path_factory.mktemp("predictive"), Mode.PREDICTIVE, HOUR)


def test_an_hour_of_five_agents_keeps_abandonment_within_the_target(hour):
    assert hour.status.live_today > 100
    assert hour.abandonment <= 0.03


def test_predictive_keeps_agents_busier_than_progressive(hour, tmp_path):
    progressive = shift(tmp_path, Mode.PROGRESSIVE, HOUR / 2)
    assert hour.utilisation > progressive.utilisation + 0.05


def test_every_call_is_learned_from_once(hour):
    learned = hour.learned
    assert learned.ignored == 0
    assert learned.dials == hour.placed
    assert learned.experience.answers.seen == pytest.approx(learned.over, abs=AGENTS)
    assert learned.live == pytest.approx(hour.status.live_today, abs=AGENTS)
    assert learned.lost == hour.status.abandoned_today


def test_what_is_learned_is_what_the_far_ends_do(hour):
    learned = hour.learned.experience
    assert learned.answers.rate() == pytest.approx(ANSWER_P, abs=0.06)
    assert learned.talk.mean() == pytest.approx(TALK_S, rel=0.25)
    assert learned.wrap.mean() == pytest.approx(WRAP_S, rel=0.1)


def test_the_simulator_agrees_with_the_whole_engine_within_its_interval(hour):
    document = standard_document(AGENTS, ANSWER_P, TALK_S, hours=1.0) | {
        "warm_up_s": 0,
        "wrap": {"dist": "fixed", "value": WRAP_S},
        "post_dial_delay_s": PDD_S,
        "amd_s": DETECT_S,
        "grace_s": 2.0 - hour.learned.settings.bridge_s,
        "verdict_lag_s": 0.0,
        "other": [
            {"kind": "no_answer", "share": 0.7, "after": {"dist": "fixed", "value": RING_LIMIT_S}},
            {"kind": "machine", "share": 0.2, "after": {"dist": "lognormal", "mean": 14, "cv": 0.4, "max": 24}},
            {"kind": "failure", "share": 0.1, "after": {"dist": "uniform", "low": 1, "high": 4}},
        ],
        "target": {"abandonment": 0.03, "window": "day_law"},
    }
    reports = [
        SimulatedFloor(parse(document), policy_named("predictive"), seed).run().report() for seed in range(1, 13)
    ]
    for measured, name in ((hour.utilisation, "utilisation"), (hour.abandonment, "abandonment")):
        values = [float(report[name]) for report in reports]
        # 99 % prediction interval for one more such hour: Student's t for 11 degrees of freedom.
        half = 3.106 * statistics.stdev(values) * math.sqrt(1 + 1 / len(values))
        assert abs(measured - statistics.mean(values)) <= half, name


def test_the_brake_takes_hold_after_an_overrun_and_lets_go_when_the_budget_is_there_again(tmp_path):
    async def scenario(w: World):
        modes = []
        while len(w.seen.finished) < 60:
            await asyncio.sleep(0.5)
            figures = w.engine.status()[w.campaign].figures
            modes.append((figures.mode, bool(figures.brake)))
        return modes, w.engine.status()[w.campaign].abandoned_today

    # Everybody answers, where a quarter is expected: the first lines overrun the agents.
    campaign = settings(mode=Mode.PREDICTIVE, wrap_up_s=5.0, target_abandonment=0.2)
    setup = Setup(tmp_path, campaign, 2, 80, lambda _number: Script(talk_s=20.0, patience_s=60.0))
    modes, abandoned = world.run(setup, scenario)
    braked = modes.index((PacingMode.PROGRESSIVE, True))
    assert abandoned >= 1
    assert (PacingMode.PREDICTIVE, False) in modes[:braked]
    assert (PacingMode.PREDICTIVE, False) in modes[braked:]


def test_a_switch_that_falls_silent_stops_dialing_until_it_speaks_again(tmp_path):
    async def scenario(w: World):
        await w.until(lambda: w.engine.counters.placed >= 5)
        w.switch.fall_silent()
        await asyncio.sleep(4.0)
        before = len(w.switch.originated)
        await asyncio.sleep(60.0)
        during, words = len(w.switch.originated), w.engine.status()[w.campaign].words
        w.switch.speak_again()
        w.switch.mend_link()
        await w.until(lambda: len(w.switch.originated) > during)
        return before == during, "silent" in words

    setup = Setup(tmp_path, settings(mode=Mode.PREDICTIVE), 3, 200, FarEnd(3))
    assert world.run(setup, scenario) == (True, True)


def test_a_restarted_engine_knows_what_was_learned(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    before = shift(first, Mode.PREDICTIVE, 300.0)
    (second / "pacing").mkdir(parents=True)
    (saved,) = (first / "pacing").iterdir()
    shutil.copy(saved, second / "pacing")
    assert json.loads(saved.read_text())["answers"]["seen"] == before.learned.experience.answers.seen

    async def scenario(w: World):
        await w.until(lambda: w.campaign in w.engine.status())
        return w.engine.status()[w.campaign].figures.learned_from

    known = world.run(Setup(second, settings(mode=Mode.PREDICTIVE), 0, 1, FarEnd(1)), scenario)
    assert known == before.learned.experience.answers.seen > 20


def test_what_is_learned_is_written_down_every_minute(tmp_path):
    async def scenario(w: World):
        await asyncio.sleep(65.0)
        return [file.name for file in (tmp_path / "pacing").iterdir()]

    setup = Setup(tmp_path, settings(mode=Mode.PREDICTIVE), 2, 50, FarEnd(2))
    assert world.run(setup, scenario) == ["1.json"]


def test_the_sentences_name_theta_the_answer_rate_and_the_budget(hour):
    assert "of new dials should reach a person" in hour.status.sentences
    assert "would use up the budget" in hour.status.sentences
    assert hour.status.reasons[0].decisions > hour.status.reasons[-1].decisions
    assert hour.status.reasons[0].words.startswith(("no new line", "1 new line"))
