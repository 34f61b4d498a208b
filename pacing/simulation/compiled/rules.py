"""The rivals' rules, and the engine's own with perfect knowledge, compiled.

`rule[0]` says which, `rule[1]` up to which team it is asked at every event, `rule[2]` is its knob. The plain versions
in `baselines` and `vicidial` say what the rules are; here are only the same computations on arrays.
"""

from __future__ import annotations

import math
from typing import Final

from pacing.simulation.compiled import state as s
from pacing.simulation.compiled.state import State, compiled, inner

PROGRESSIVE: Final = 0
POWER: Final = 1
FIXED: Final = 2
ISSABEL: Final = 3
EIS: Final = 4
VICIDIAL: Final = 5
LOOK_AHEAD: Final = 6
GRID: Final = 12


@inner
def decide(world: State) -> int:
    """How many lines to add."""
    ints, rule = world.ints, world.rule
    kind, knob, out = int(rule[0]), rule[2], ints[s.N_ACTIVE]
    if kind == PROGRESSIVE:
        return ints[s.N_READY]
    if kind == POWER:
        return int(math.floor(knob * ints[s.N_READY] + 1e-9)) - out
    if kind == FIXED:
        return int(round(knob * ints[s.N_AGENTS])) - out - ints[s.N_TALKING]
    if kind == ISSABEL:
        return issabel(world) - out
    if kind == EIS:
        return mean_matching(world)
    if kind == VICIDIAL:
        return vicidial(world)
    return look_ahead(world)


@inner
def note_outcome(world: State, mark: int, person: bool) -> None:
    """A dial is over: count outcomes in the order of dialing, as `AnswerRate` does."""
    ints, floats, now = world.ints, world.floats, world.floats[s.NOW]
    world.outcomes[mark % s.OUTCOMES] = 2 if person else 1
    while ints[s.FIRST_OPEN] < ints[s.SEQUENCE] and world.outcomes[(ints[s.FIRST_OPEN] + 1) % s.OUTCOMES] > 0:
        ints[s.FIRST_OPEN] += 1
        reached = float(world.outcomes[ints[s.FIRST_OPEN] % s.OUTCOMES] - 1)
        if ints[s.SEEN] > 0:
            floats[s.GAP_S] += 0.01 * (min(max(now - floats[s.OUTCOME_AT], 0.0), 60.0) - floats[s.GAP_S])
        floats[s.OUTCOME_AT] = now
        expected = min(max(floats[s.REACHED] / floats[s.DIALS], 0.005), 0.95)
        keep = 0.5 ** (1.0 / max(500.0, 300.0 / max(floats[s.GAP_S], 1e-3)))
        floats[s.REACHED] = floats[s.REACHED] * keep + reached
        floats[s.DIALS] = floats[s.DIALS] * keep + 1.0
        ints[s.SEEN] += 1
        if watch(floats, s.UP, 2.0, reached, expected) or watch(floats, s.DOWN, 0.5, reached, expected):
            floats[s.UP : s.DOWN + 3] = 0.0


@inner
def watch(floats, at: int, factor: float, reached: float, expected: float) -> bool:  # type: ignore[no-untyped-def]
    """The running test for a jump whose score, dials and persons are at `at`; a jump replaces what was known."""
    odds = expected / (1.0 - expected) * factor
    after = odds / (1.0 + odds)
    floats[at] += math.log(after / expected) if reached > 0.0 else math.log((1.0 - after) / (1.0 - expected))
    if floats[at] <= 0.0:
        floats[at : at + 3] = 0.0
        return False
    floats[at + 1] += 1.0
    floats[at + 2] += reached
    if floats[at] <= 8.0:
        return False
    before = min(max(floats[s.REACHED] / floats[s.DIALS], 0.005), 0.95)
    floats[s.REACHED] = floats[at + 2] + 10.0 * before
    floats[s.DIALS] = floats[at + 1] + 10.0
    return True


@inner
def note_answer(world: State, abandoned: bool) -> None:
    """A person's call is resolved: an adaptive look-ahead moves theta."""
    rule, floats = world.rule, world.floats
    if rule[0] == LOOK_AHEAD and rule[3] == 1.0:
        gain = 0.6 * min(0.25, 1.5 / max(world.ints[s.N_AGENTS], 1))
        moved = math.log(floats[s.THETA_BASE]) + gain * (world.load[s.TARGET] - (1.0 if abandoned else 0.0))
        floats[s.THETA_BASE] = math.exp(min(max(moved, math.log(1e-4)), math.log(0.5)))


@inner
def issabel(world: State) -> int:
    """Idle agents, and busy ones whose exponential age has passed the share `rule[2]`."""
    now, free = world.floats[s.NOW], world.ints[s.N_READY]
    for agent in range(len(world.agent_state)):
        if world.agent_state[agent] == s.TALKING:
            elapsed = now - world.agent_since[agent]
            free += 1.0 - math.exp(-(elapsed + world.rule[3]) / world.rule[4]) >= world.rule[2]
    return free


@inner
def elapsed_bin(elapsed: float) -> int:
    """The row of a table of agents for an elapsed time."""
    if elapsed < 60.0:
        return int(max(elapsed, 0.0))
    return int(min(60.0 + math.log(elapsed / 60.0) / math.log(1.05), 159.0))


@inner
def age_bin(world: State, age: float) -> int:
    """The row of a table of lines for an age."""
    return int(min(max(age, 0.0) * 2.0, float(len(world.line_table) - 1)))


@inner
def mean_matching(world: State) -> int:
    """EIS: answers expected against agents expected free; the tables are made for the knob."""
    ints, now = world.ints, world.floats[s.NOW]
    free = float(ints[s.N_READY])
    for agent in range(len(world.agent_state)):
        state = world.agent_state[agent]
        if state == s.TALKING:
            free += world.talk_table[elapsed_bin(now - world.agent_since[agent]), 0]
        elif state == s.WRAP_UP:
            free += world.wrap_table[elapsed_bin(now - world.agent_since[agent]), 0]
    free *= math.exp(min(world.rule[2], 0.0))
    p = min(max(world.floats[s.REACHED] / world.floats[s.DIALS], 0.005), 0.95)
    expected = 0.0
    for i in range(ints[s.N_ACTIVE]):
        line = world.active[i]
        stage = world.line_stage[line]
        if stage == s.WAITING:
            expected += 1.0
        elif stage == s.ANSWERED:
            expected += world.line_human[line]
        else:
            row = age_bin(world, now - world.line_at[line])
            alive, other = p * world.line_table[row, 0], (1.0 - p) * world.line_table[row, 1]
            expected += alive / max(alive + other, 1e-9)
    wanted = int(math.floor((free - expected) / max(p, 1e-3) + 1e-9))
    return max(wanted, 1) if ints[s.N_ACTIVE] == 0 and ints[s.N_READY] > 0 else wanted


# --- VICIdial ---------------------------------------------------------------------------------------------------------


@inner
def is_due(world: State, what: int, period: float) -> bool:
    """Whether a periodic step is due; if so, when it is next."""
    if world.floats[s.NOW] + 1e-9 < world.memory[what]:
        return False
    world.memory[what] = world.floats[s.NOW] + period
    return True


@inner
def vicidial(world: State) -> int:
    """One pass: samples, drop statistics, level, calls."""
    ints, memory, rule = world.ints, world.memory, world.rule
    if is_due(world, s.DUE_SAMPLE, 1.0):
        row = int(memory[s.SAMPLES]) % 15
        memory[s.SAMPLES] += 1.0
        world.samples[row, 0], world.samples[row, 1] = ints[s.N_READY], ints[s.N_WAITING]
        world.samples[row, 2] = ints[s.N_AGENTS]
    if is_due(world, s.DUE_DROPS, 60.0):
        drop_statistics(world)
    if rule[3] > 0.0 and is_due(world, s.DUE_ADAPT, 15.0):
        adapt(world)
    if not is_due(world, s.DUE_PASS, 2.5):
        return 0
    ready, talking = ints[s.N_READY], ints[s.N_TALKING]
    level = world.floats[s.LEVEL]
    goal = round(level * ready + talking) if rule[9] == 1.0 else round(level * (ready + talking))
    return int(goal) - ints[s.N_ACTIVE] - talking


@inner
def drop_statistics(world: State) -> None:
    """What the brakes look at, once a minute."""
    ints, memory, now = world.ints, world.memory, world.floats[s.NOW]
    if is_due(world, s.DUE_DAY, 28800.0 - now % 28800.0):
        memory[s.MIDNIGHT], memory[s.MIDNIGHT + 1] = ints[s.ALL_OVER], ints[s.ALL_WRAPPED]
        memory[s.MIDNIGHT + 2] = ints[s.ALL_ABANDONED]
    calls, drops = ints[s.ALL_OVER] - memory[s.MINUTE], ints[s.ALL_ABANDONED] - memory[s.MINUTE + 1]
    if now < 1.0:
        calls = drops = 0.0
    memory[s.MINUTE], memory[s.MINUTE + 1] = ints[s.ALL_OVER], ints[s.ALL_ABANDONED]
    memory[s.CALLS_MINUTE], memory[s.DROPPED_MINUTE] = calls, 100.0 * drops / max(1.0, calls)
    today = ints[s.ALL_ABANDONED] - memory[s.MIDNIGHT + 2]
    answers = ints[s.ALL_WRAPPED] - memory[s.MIDNIGHT + 1] + today
    memory[s.CALLS_TODAY] = ints[s.ALL_OVER] - memory[s.MIDNIGHT]
    memory[s.DROPPED_TODAY] = 100.0 * today / max(1.0, answers)


@inner
def adapt(world: State) -> None:
    """The dial level's step, every 15 s."""
    memory, rule = world.memory, world.rule
    count = min(memory[s.SAMPLES], 15.0)
    agents = world.samples[:, 2].sum() / count
    if agents <= 0.0:
        return
    minute = int(540.0 + world.floats[s.NOW] % 28800.0 / 60.0)
    difference = (world.samples[:, 0].sum() - world.samples[:, 1].sum()) / count
    world.floats[s.LEVEL] = new_level(
        rule, world.floats[s.LEVEL], difference, agents, minute // 60 * 100 + minute % 60,
        memory[s.CALLS_TODAY], memory[s.DROPPED_TODAY], memory[s.CALLS_MINUTE], memory[s.DROPPED_MINUTE],
    )  # fmt: skip


@compiled
def new_level(  # type: ignore[no-untyped-def]
    rule, level, difference, agents, hhmm, calls_today, dropped_today, calls_minute, dropped_minute
) -> float:
    """The same as `vicidial.new_level`, without the small-team guard; `rule` from place 3 on holds the settings."""
    push = difference + rule[4]
    share = push / agents if push != 0.0 and agents != 0.0 else 0.0
    intensity = rule[5] / 100.0
    gain = share * (1.0 + intensity) if share >= 0.0 else share * abs(intensity - 1.0)
    level = round(level * (1.0 + gain), 3)
    level = max(min(level, rule[6]), 1.0)
    if calls_minute > 20 and dropped_minute > 50.0:
        level /= 2.0
    if calls_today > 50 and dropped_today > rule[7]:
        if rule[3] == 1.0:
            level = 1.0
        elif rule[3] == 3.0:
            level /= 2.0
        elif rule[3] == 2.0:
            left = rule[8] - hhmm
            level = 1.0 if left < 0 else level * (1.0 if left > 1000 else left / 1000.0)
    level = max(level, 1.0)
    # Stored as text of six characters: so many decimals as fit after the whole part and the point are kept.
    whole, digits = level, -1
    while whole >= 1.0:
        whole /= 10.0
        digits += 1
    scale = 10.0 ** max(4 - digits, 0)
    return math.floor(round(level * 1e6) / 1e6 * scale + 1e-7) / scale


# --- the engine's own rule, knowing the curves; when rule[4] is 1, the present chance of an answer as well ------------


@inner
def chance_now(world: State) -> float:
    """The present chance of an answer: known, or as estimated."""
    if world.rule[4] == 0.0:
        return min(max(world.floats[s.REACHED] / world.floats[s.DIALS], 0.005), 0.95)
    load, now = world.load, world.floats[s.NOW]
    p = load[s.P_MEAN]
    if load[s.AMPLITUDE] != 0.0:
        p *= 1.0 + load[s.AMPLITUDE] * math.sin(2.0 * math.pi * now / load[s.PERIOD_S])
    within = now % load[s.REPEAT_S] if load[s.REPEAT_S] > 0.0 else now
    factor = 1.0
    for k in range(len(world.steps)):
        if world.steps[k, 0] > within:
            break
        factor = world.steps[k, 1]
    return min(max(p * factor, 0.005), 0.95)


@inner
def look_ahead(world: State) -> int:
    """Lines while the next one's chance to meet no agent is at most theta: exact up to 30 agents, normal above."""
    ints, now = world.ints, world.floats[s.NOW]
    p = chance_now(world)
    agents, certain = 0, ints[s.N_WAITING]
    exact = ints[s.N_AGENTS] <= 30
    room = ints[s.N_AGENTS] - certain
    start(world, room, exact)
    for agent in range(len(world.agent_state)):
        state = world.agent_state[agent]
        if state in (s.GONE, s.PAUSED) or world.agent_leaving[agent]:
            continue
        agents += 1
        if state == s.TALKING:
            add(world, world.talk_table[elapsed_bin(now - world.agent_since[agent])], 1.0, room, exact)
        elif state == s.WRAP_UP:
            add(world, world.wrap_table[elapsed_bin(now - world.agent_since[agent])], 1.0, room, exact)
    missing = ints[s.N_AGENTS] - agents
    for i in range(ints[s.N_ACTIVE]):
        line = world.active[i]
        stage = world.line_stage[line]
        if stage == s.ANSWERED:
            add(world, world.line_table[0], -world.line_human[line], room, exact)
        elif stage == s.RINGING:
            row = age_bin(world, now - world.line_at[line])
            alive, other = p * world.line_table[row, 0], (1.0 - p) * world.line_table[row, 1]
            add(world, world.line_table[row, 2:], p / max(alive + other, 1e-9), room, exact)
    theta = world.floats[s.THETA_BASE]
    most = 30 * agents - ints[s.N_ACTIVE]
    lines = 0
    while lines < most and overrun(world, room - missing, exact) <= theta:
        add(world, world.line_table[0, 2:], p, room, exact)
        lines += 1
    return lines


@inner
def start(world: State, room: int, exact: bool) -> None:
    """No demand yet."""
    world.pmf[:] = 0.0
    if exact and room > 0:
        world.pmf[:, 0] = 1.0


@inner
def add(world: State, chance, factor: float, room: int, exact: bool) -> None:  # type: ignore[no-untyped-def]
    """One more yes-or-no event: of chance `factor` x `chance` at each u, or of -factor at all when that is negative."""
    pmf = world.pmf
    for u in range(GRID):
        c = -factor if factor < 0.0 else min(chance[u] * factor, 1.0)
        if exact:
            for k in range(room - 1, 0, -1):
                pmf[u, k] += c * (pmf[u, k - 1] - pmf[u, k])
            if room > 0:
                pmf[u, 0] -= c * pmf[u, 0]
        else:
            pmf[u, 0] += c
            pmf[u, 1] += c * (1.0 - c)
            pmf[u, 2] += c * (1.0 - c) * (1.0 - 2.0 * c)


@inner
def overrun(world: State, room: int, exact: bool) -> float:
    """q of one more line."""
    pmf, q = world.pmf, 0.0
    for u in range(GRID):
        if exact:
            fits = 0.0
            for k in range(room):
                fits += pmf[u, k]
            q += 1.0 - fits
        else:
            spread = max(pmf[u, 1], 1e-9)
            z = (room - 0.5 - pmf[u, 0]) / math.sqrt(spread)
            tail = 0.5 * math.erfc(z / math.sqrt(2.0))
            density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
            q += min(max(tail + pmf[u, 2] / spread**1.5 * (z * z - 1.0) * density / 6.0, 0.0), 1.0)
    return q / GRID
