"""The simulated floor against what queueing theory knows exactly, and the production policy on it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest

from domain.mode import Mode
from pacing.decision import PacingDecision
from pacing.recording import Recorder, RecordingError, replay
from pacing.settings import PacingSettings
from pacing.simulation.policies import PolicyError, policy_named
from pacing.simulation.policy import Production
from pacing.simulation.statistics import at_least, binomial_interval, lower_bound
from pacing.simulation.study import standard_document
from pacing.simulation.workload import Step, Workload, WorkloadError, parse
from pacing.simulation.world import World
from pacing.snapshot import AgentState, FloorSnapshot, LineStage, LineView

pytestmark = pytest.mark.unit


def floor(agents: int, p: float, talk: float, hours: float, **changes: object) -> Workload:
    document = standard_document(agents, p, talk, hours=hours)
    document.update(changes)
    return parse(document)


@dataclass(slots=True)
class OpenLoop:
    """Dials at random at a constant rate, whatever happens: arrivals are then a Poisson stream."""

    per_s: float
    name: str = "open-loop"
    tick_s: float = 5.0
    events_up_to: int = 0
    settings: PacingSettings = field(default_factory=lambda: PacingSettings(mode=Mode.PREDICTIVE))
    random: Random = field(default_factory=lambda: Random(7))
    due: float = 0.0

    def decide(self, snapshot: FloorSnapshot) -> PacingDecision:
        lines = 0
        while self.due <= snapshot.now + self.tick_s:
            self.due += self.random.expovariate(self.per_s)
            lines += 1
        return PacingDecision(snapshot.now, lines, False, (), Mode.PREDICTIVE, 0.0, None, (), "open loop")


@dataclass(slots=True)
class Releasing:
    """Two lines per idle agent, and it wants to be rid of every line that is `wanted`."""

    wanted: Callable[[FloorSnapshot, LineView], bool]
    name: str = "releasing"
    tick_s: float = 0.5
    events_up_to: int = 0
    settings: PacingSettings = field(default_factory=lambda: PacingSettings(mode=Mode.PREDICTIVE))

    def decide(self, snapshot: FloorSnapshot) -> PacingDecision:
        unwanted = tuple(line.attempt for line in snapshot.lines if self.wanted(snapshot, line))
        return replace(policy_named("power:2").decide(snapshot), release=unwanted)


def erlang_b(agents: int, load: float) -> float:
    blocked = 1.0
    for n in range(1, agents + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked


@pytest.mark.parametrize(("agents", "load", "hours"), [(5, 3.0, 60.0), (25, 20.0, 12.0)])
def test_without_grace_an_open_loop_loses_what_erlang_b_says(agents: int, load: float, hours: float) -> None:
    handle_s, p = 80.0, 0.4
    world = World(floor(agents, p, 60, hours, grace_s=0.0), OpenLoop(load / handle_s / p), 3)
    report = world.run().report()
    expected = erlang_b(agents, load)
    answered, found = int(str(report["answered"])), float(str(report["abandonment"]))
    assert answered > 5000
    # Losses come in runs; twice the binomial error is a safe bound on their standard error.
    assert abs(found - expected) < 3 * 2 * math.sqrt(expected * (1 - expected) / answered)
    assert float(str(report["utilisation"])) == pytest.approx(load * (1 - expected) / agents, rel=0.05)


def test_one_agent_dialed_progressively_waits_as_the_closed_form_says() -> None:
    p, hours = 0.25, 100.0
    policy = Production("progressive", PacingSettings(mode=Mode.PROGRESSIVE), tick_s=60.0, events_up_to=1)
    report = World(floor(1, p, 60, hours), policy, 5).run().report()
    other_s = 0.7 * 23.5 + 0.2 * (13.3 + 1.5) + 0.1 * 2.5  # machine times are cut at 24 s: their mean is 13.3 s
    idle_s = (1 / p - 1) * other_s + 9.7 + 1.5  # and that of persons 9.7 s
    assert report["abandoned"] == 0
    assert float(str(report["idle_s_per_call"])) == pytest.approx(idle_s, rel=0.04)


def test_busy_time_is_answers_times_handling_time() -> None:
    world = World(floor(10, 0.25, 60, 10), policy_named("power:2"), 2)
    report = world.run().report()
    served = int(str(report["answered"])) - int(str(report["abandoned"]))
    little = served * 80.0 / (10 * (36000.0 - 1800.0))
    assert float(str(report["utilisation"])) == pytest.approx(little, rel=0.05)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("agents", "hours", "target"), [(5, 18.0, 0.731), (25, 3.2, 0.882), (100, 0.9, 0.961)])
def test_production_policy_keeps_the_team_busy_within_its_budget(agents: int, hours: float, target: float) -> None:
    """Three cells of the goal table, about 3,000 answers each, with bounds of three standard errors."""
    policy = Production("predictive", PacingSettings(mode=Mode.PREDICTIVE), tick_s=1.0)
    report = World(floor(agents, 0.25, 60, hours), policy, 11).run().report()
    answered, lost = int(str(report["answered"])), float(str(report["abandonment"]))
    # A served call's handling time has a cv of about 0.77; busy time scatters by that over the root of the calls.
    error = 0.77 * target / math.sqrt(answered)
    assert answered > 2500
    assert float(str(report["utilisation"])) > target - 0.010 - 3 * error
    assert lost < 0.03 + 3 * math.sqrt(0.03 * 0.97 / answered)


@pytest.mark.parametrize("policy", ["progressive", "preview"])
def test_a_reserved_agent_for_every_line_abandons_nobody(policy: str) -> None:
    assert World(floor(8, 0.4, 30, 2.0), policy_named(policy), 1).run().report()["abandoned"] == 0


@pytest.mark.parametrize(
    "policy",
    ["predictive:release=1", "ratio:2", "power:2", "fixed:1.5", "eis", "eis:-1", "eis:3", "issabel:0.5",
     "vicidial-ratio:1.5", "vicidial-hard", "vicidial-tapered:max=2", "vicidial-average:max=2,available_only=1"],
)  # fmt: skip
def test_every_policy_runs_and_serves_calls(policy: str) -> None:
    report = World(floor(6, 0.3, 40, 1.0), policy_named(policy), 1).run().report()
    assert 0.2 < float(str(report["utilisation"])) < 1.0


@pytest.mark.parametrize("policy", ["predictive", "eis", "vicidial-average:max=4"])
def test_a_wider_target_of_the_workload_is_used_by_every_policy_that_steers(policy: str) -> None:
    lost = [
        float(str(World(load, policy_named(policy), 3).run().report()["abandonment"]))
        for load in (
            floor(10, 0.25, 60, 1.5, target={"abandonment": target, "window": "none"}) for target in (0.005, 0.2)
        )
    ]
    assert lost[1] > lost[0] + 0.02


@pytest.mark.parametrize("policy", ["predictive", "eis", "vicidial-hard"])
def test_the_snapshot_holds_the_target_of_the_workload(policy: str) -> None:
    targets: set[float] = set()
    load = floor(4, 0.25, 60, 0.1, target={"abandonment": 0.07, "window": "none"})
    World(load, policy_named(policy), 1, watcher=lambda seen, _: targets.add(seen.settings.target)).run()
    assert targets == {0.07}


@pytest.mark.parametrize(
    ("warm_up_s", "hours", "days"), [(0.0, 15.9, 2), (1200.0, 16.5, 3), (3600.0, 16.9, 2), (30_000.0, 9.0, 1)]
)
def test_the_days_of_the_answer_are_the_days_that_were_held(warm_up_s: float, hours: float, days: int) -> None:
    held: dict[int, tuple[int, int]] = {}
    world = World(
        floor(3, 0.4, 30, hours, warm_up_s=warm_up_s), policy_named("power:2"), 1,
        watcher=lambda seen, _: held.update(
            {int((seen.now - warm_up_s) // 28800): (seen.tallies[0].answered, seen.tallies[0].abandoned)}
        ),
    )  # fmt: skip
    measured = world.run()
    found = [held[day] for day in range(days)]  # as of the last decision of each day: an answer or two may follow
    told = [measured.day_counts[day] for day in range(days)]
    assert sorted(measured.day_counts) == list(range(days))
    assert [answered for answered, _ in found] == pytest.approx([answered for answered, _ in told], abs=2)
    assert [abandoned for _, abandoned in found] == pytest.approx([abandoned for _, abandoned in told], abs=2)


def test_the_warm_up_is_a_window_of_its_own_and_each_says_how_long_it_lasts() -> None:
    left: dict[float, float] = {}
    load = floor(3, 0.4, 30, 9.0, warm_up_s=1800.0)
    World(load, policy_named("fixed:1"), 1,
          watcher=lambda seen, _: left.update({seen.now: seen.tallies[0].remaining_s})).run()  # fmt: skip
    assert {at: left[at] for at in (0.0, 1799.5, 1800.0, 30599.5, 30600.0, 32400.0)} == {
        0.0: 1800.0, 1799.5: 0.5, 1800.0: 28800.0, 30599.5: 0.5, 30600.0: 1800.0, 32400.0: 0.0
    }  # fmt: skip


def _must_stay(snapshot: FloorSnapshot, line: LineView) -> bool:
    return line.stage is not LineStage.RINGING or line.since > snapshot.now - 15.0


def test_a_policy_is_not_rid_of_a_line_that_answered_or_has_not_rung_long_enough() -> None:
    load = floor(8, 0.5, 30, 0.3, post_dial_delay_s=4)
    cheating, honest = (
        World(load, Releasing(wanted), 1).run().report() for wanted in (_must_stay, lambda _snapshot, _line: False)
    )
    assert cheating == honest
    assert int(str(honest["abandoned"])) > 0


def test_a_line_that_has_rung_long_enough_is_released_once() -> None:
    policy = Releasing(lambda snapshot, line: not _must_stay(snapshot, line))
    twice = World(floor(8, 0.1, 30, 0.3), Releasing(lambda _snapshot, _line: True), 1).run().report()
    report = World(floor(8, 0.1, 30, 0.3), policy, 1).run().report()
    assert twice == report
    assert int(str(report["released"])) > 100


@pytest.mark.parametrize("policy", ["progressive", "power:1"])
def test_a_verdict_that_comes_after_the_grace_abandons_everybody(policy: str) -> None:
    late, in_time = (
        World(floor(5, 0.4, 30, 0.3, grace_s=1.0, verdict_lag_s=lag), policy_named(policy), 1).run().report()
        for lag in (1.01, 1.0)
    )
    assert late["answered"] == late["abandoned"] != 0
    assert float(str(in_time["abandonment"])) < 0.5


def test_a_fixed_ratio_dials_without_a_forecast_as_the_engine_does() -> None:
    seen: list[tuple[FloorSnapshot, PacingDecision]] = []
    load = floor(6, 0.3, 40, 0.5, target={"abandonment": 0.03, "window": "none"})
    World(load, policy_named("ratio:2.5"), 1, watcher=lambda *both: seen.append(both)).run()
    calm = [both for both in seen if not both[0].tallies]  # no alarm of abandoned calls
    wanted = [
        math.floor(2.5 * sum(agent.state is AgentState.READY for agent in snapshot.agents)) - len(snapshot.lines)
        for snapshot, _ in calm
    ]
    assert {(snapshot.forecast, decision.q) for snapshot, decision in seen} == {(None, None)}
    assert [decision.lines_to_add for _, decision in calm] == [max(0, lines) for lines in wanted]
    assert sum(decision.lines_to_add for _, decision in calm) > 100


def test_the_same_seed_gives_the_same_floor() -> None:
    load = floor(6, 0.25, 60, 0.3)
    first, second, other = (World(load, policy_named("predictive"), s).run().report() for s in (4, 4, 5))
    assert first == second != other


def test_a_recording_replays_to_the_same_bytes() -> None:
    lines: list[str] = []
    accounts = {"p_values": [0.05, 0.45], "weights": [1, 1], "known": True}
    load = floor(6, 0.25, 60, 0.15, accounts=accounts)
    World(load, policy_named("predictive:release=1"), 1, watcher=Recorder(lines.append)).run()
    pairs = list(replay(lines))
    assert len(pairs) > 1000
    assert all(recorded == again for recorded, again in pairs)


@pytest.mark.parametrize(
    "line",
    ["{}", "[]", "nonsense", '{"snapshot": {"now": 1, "bad": 2}}', '{"decision": {}}', "[" * 100_000,
     '{"snapshot": {"now": ' + "9" * 5000 + "}}", '{"forecast": {"version": 1, "routes": {}}}',
     '{"forecast": {"version": 1, "routes": {"": [1]}, "grid": [1]}}'],
    ids=lambda line: line[:40],
)  # fmt: skip
def test_a_line_that_is_no_recording_is_refused_by_its_number(line: str) -> None:
    with pytest.raises(RecordingError, match="line 1"):
        list(replay([line]))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"settings": None}, "settings cannot be null"),
        ({"settings": {"mode": "blended"}}, "blended"),
        ({"settings": {"ratio": 1e9}}, "ratio"),
        ({"tallies": [5]}, "tallies cannot be 5"),
        ({"tallies": [None]}, "tallies cannot be null"),
        ({"tallies": {}}, "tallies cannot be {}"),
        ({"agents": [{"agent": 5, "state": "ready", "since": 0}]}, "agent cannot be 5"),
        ({"agents": [{"agent": "a", "state": "asleep", "since": 0}]}, "asleep"),
        ({"agents": [{"agent": "a", "state": "ready", "since": 0, "skills": [1]}]}, "skills cannot be 1"),
        ({"now": "noon"}, "now cannot be"),
        ({"now": True}, "now cannot be true"),
        ({"now": 10**400}, "too large"),
        ({"dials_known": 1.5}, "dials_known cannot be 1.5"),
        ({"capacity": {"accounts": "all"}}, "accounts cannot be"),
        ({"forecast": 3}, "forecast 3 are missing"),
        ({"colour": "blue"}, "unknown field 'colour'"),
    ],
)
def test_a_snapshot_with_a_field_that_cannot_be_is_refused_by_line_and_field(
    changes: dict[str, object], words: str
) -> None:
    fields = {"now": 1.0, "settings": {"mode": "predictive"}, "agents": [], **changes}
    with pytest.raises(RecordingError, match=rf"line 1 .*{words}"):
        list(replay([json.dumps({"snapshot": fields}), '{"decision": {}}']))


@pytest.mark.parametrize("table", ["grid", "talk_busy", "routes"])
def test_tables_of_another_shape_are_refused(table: str) -> None:
    lines: list[str] = []
    World(floor(2, 0.25, 60, 0.01), policy_named("predictive"), 1, watcher=Recorder(lines.append)).run()
    document = json.loads(lines[0])
    document["forecast"][table] = {"": [[0.5]] * 4} if table == "routes" else [0.5]
    with pytest.raises(RecordingError, match=r"line 1 .*shape"):
        list(replay([json.dumps(document), *lines[1:]]))


def test_a_mass_log_out_stops_dialing_at_once() -> None:
    steps = (Step(0, 30), Step(2400, 6, now=True))
    dialed: list[tuple[float, int]] = []
    world = World(replace(floor(30, 0.25, 60, 1.0), agents=steps), policy_named("predictive"), 3,
                  watcher=lambda snapshot, decision: dialed.append((snapshot.now, decision.lines_to_add)))  # fmt: skip
    world.run()
    assert sum(lines for at, lines in dialed if 2400 < at < 2402) == 0
    assert sum(lines for at, lines in dialed if at > 2460) > 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hours", -1),
        ("hours", float("nan")),
        ("seed", "x"),
        ("agents", []),
        ("agents", [{"from_s": 0, "n": 0}]),
        ("agents", [{"from_s": 0, "n": 2.5}]),
        ("answer", {"p": 0}),
        ("answer", {"p": 1.0}),
        ("talk", {"dist": "lognormal", "mean": -5, "cv": 1}),
        ("talk", {"dist": "gamma"}),
        ("wrap", {"dist": "mixture", "parts": [{"dist": "fixed", "value": 3}]}),
        ("ring_human", {"dist": "uniform", "low": 5, "high": 2}),
        ("other", [{"kind": "no_answer", "share": 0.5, "after": {"dist": "fixed", "value": 3}}]),
        ("amd_errors", {"human_as_machine": 2}),
        ("accounts", {"p_values": [0.1, 0.2], "weights": [1]}),
        ("target", {"abandonment": 0.9}),
        ("colour", "blue"),
        ("seed", 1.5),
        ("seed", -1),
        ("hours", 1e300),
        ("hours", 0),
        ("agents", [{"from_s": 0, "n": 100_000}, {"from_s": 60, "n": 1}]),
        ("agents", [{"from_s": 0, "n": -3}]),
        ("agents", [{"from_s": 0, "n": True}]),
        ("agents", {"n": 5}),
        ("answer", {"p": None}),
        ("answer", {"p": 0.2, "steps": [{"from_s": 5, "factor": 1}, {"from_s": 5, "factor": 2}]}),
        ("answer", {"p": 0.2, "steps_repeat_s": 0}),
        ("talk", {"dist": "fixed", "value": 0}),
        ("talk", {"dist": "mixture", "parts": [{"weight": 1, "dist": "uniform", "low": 0, "high": 0}]}),
        ("wrap", {"dist": "lognormal", "mean": 1e300, "cv": 1}),
        ("other", [{"kind": "failure", "share": 1, "after": {"dist": "fixed", "value": 0}}]),
        ("other", [{"kind": "hung", "share": 1, "after": {"dist": "fixed", "value": 3}}]),
        ("grace_s", float("inf")),
        ("post_dial_delay_s", -6),
        ("pauses", {"per_agent_hour": -1}),
        ("warm_up_s", 1e8),
        ("hours", 10**400),
        ("hours", -(10**400)),
        ("seed", 10**400),
        ("talk", {"dist": "fixed", "value": 10**400}),
        ("agents", [{"from_s": 0, "n": 10**400}]),
        ("name", "half of a \ud83d"),
    ],
)
def test_an_impossible_workload_is_refused_by_the_name_of_the_field(field: str, value: object) -> None:
    document = standard_document(5, 0.25, 60)
    document[field] = value
    with pytest.raises(WorkloadError, match=field):
        parse(document)


@pytest.mark.parametrize(
    "changes",
    [
        {"answer": {"p": 0.95, "steps": [{"from_s": 0, "factor": 100}]}},
        {"answer": {"p": 0.2, "steps": [{"from_s": 0, "factor": 0}]}},
        {"answer": {"p": 1e-9}},
        {"agents": [{"from_s": 0, "n": 0}, {"from_s": 100, "n": 4}, {"from_s": 400, "n": 0, "now": True}]},
        {"grace_s": 0, "amd_s": 0, "verdict_lag_s": 60},
        {"amd_errors": {"human_as_machine": 1, "not_sure": 1}},
        {"talk": {"dist": "fixed", "value": 0.001}, "wrap": {"dist": "fixed", "value": 0}},
        {"ring_human": {"dist": "fixed", "value": 0}},
        {"ring_human": {"dist": "lognormal", "mean": 1000, "cv": 3, "max": 0.1}},
        {"pauses": {"per_agent_hour": 60, "mean_s": 0}},
        {"pauses": {"per_agent_hour": 60, "mean_s": 1e9}},
        {"target": {"abandonment": 0, "window": "day"}},
    ],
    ids=lambda changes: next(iter(changes)),
)
@pytest.mark.parametrize("policy", ["predictive:release=1", "progressive", "power:3", "eis"])
def test_an_odd_floor_is_played_to_its_end(changes: dict[str, object], policy: str) -> None:
    load = parse(standard_document(4, 0.25, 60, hours=0.15) | {"warm_up_s": 0} | changes)
    report = World(load, policy_named(policy), 1).run().report()
    assert 0.0 <= float(str(report["utilisation"])) <= 1.0
    assert 0.0 <= float(str(report["abandonment"])) <= 1.0


@pytest.mark.parametrize("field", ["talk", "agents", "answer"])
def test_a_missing_field_is_named(field: str) -> None:
    document = standard_document(5, 0.25, 60)
    del document[field]
    with pytest.raises(WorkloadError, match=field):
        parse(document)


@pytest.mark.parametrize(
    "text",
    [
        "none",
        "power",
        "power:x",
        "power:1e9",
        "eis:max=2",
        "vicidial-hard:speed=3",
        "ratio:-1",
        "ratio:21",
        "ratio:nan",
        "predictive:5",
        "predictive:release=2",
        "predictive:",
        "progressive:3",
        "preview:1",
        "vicidial-hard:2",
        "power:1,2",
        "power:2,",
        "power:-1",
        "power:101",
        "fixed:-0.1",
        "fixed:1e3",
        "issabel:1.5",
        "issabel:-0.1",
        "eis:1e5",
        "eis:-1e5",
        "vicidial-ratio",
        "vicidial-ratio:-1",
        "vicidial-ratio:101",
        "vicidial-ratio:2,available_only=yes",
        "vicidial-ratio:2,available_only=0.5",
        "vicidial-hard:max=0.5",
        "vicidial-hard:max=1000",
        "vicidial-hard:max=2,max=3",
        "vicidial-tapered:latest=9999",
        "vicidial-tapered:latest=1275",
        "vicidial-tapered:latest=-1",
        "vicidial-tapered:latest=1200.5",
        "vicidial-average:difference=41",
        "vicidial-average:difference=0.5",
        "vicidial-average:intensity=-41",
    ],
)
def test_an_unknown_policy_or_option_is_refused(text: str) -> None:
    with pytest.raises(PolicyError, match=re.escape(text.split(":", maxsplit=1)[0])):
        policy_named(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("predictive:release=1", "predictive:release=1"),
        ("predictive:release=0", "predictive"),
        ("power:0", "power:0"),
        ("eis", "eis"),
        ("eis:2.5", "eis:2.5"),
        ("issabel", "issabel:0.7"),
        ("vicidial-ratio:0.5,available_only=1", "vicidial-ratio:0.5,available_only=1"),
        ("vicidial-hard", "vicidial-hard:max=3"),
        ("vicidial-tapered:latest=2100,difference=-2", "vicidial-tapered:max=3,latest=2100,difference=-2"),
        ("vicidial-average:max=2,intensity=5", "vicidial-average:max=2,intensity=5"),
    ],
)
def test_a_policy_calls_itself_what_was_asked_for(text: str, name: str) -> None:
    assert policy_named(text).name == name == policy_named(name).name


def test_a_dial_level_of_nought_dials_nobody() -> None:
    report = World(floor(4, 0.3, 40, 0.2), policy_named("vicidial-ratio:0"), 1).run().report()
    assert (report["answered"], report["lines_per_agent"]) == (0, 0.0)


def test_binomial_bounds_agree_with_known_values() -> None:
    assert at_least(3, 10, 0.5) == pytest.approx(0.9453125)
    assert at_least(9, 10, 0.5) == pytest.approx(11 / 1024)
    assert lower_bound(0, 50) == 0.0
    low, high = binomial_interval(5, 100)
    assert (low, high) == (pytest.approx(0.01643, abs=2e-4), pytest.approx(0.11284, abs=2e-4))


@pytest.mark.parametrize(
    "path",
    sorted((Path(__file__).parents[3] / "benchmarks/pacing/workloads").glob("*.json")),
    ids=lambda path: path.stem,
)
def test_every_workload_file_that_ships_can_be_read(path: Path) -> None:
    assert parse(json.loads(path.read_text(encoding="utf-8"))).name == path.stem
