"""What happens on the compiled floor: the same events as in `world`, in the same order, told to nobody."""

from __future__ import annotations

import math

import numpy as np

from pacing.simulation.compiled import state as s
from pacing.simulation.compiled.rules import decide, note_answer, note_outcome
from pacing.simulation.compiled.state import State, compiled, inner

LONGEST_WAIT = 1e18


@inner
def draw(world: State, which: int) -> float:
    """A time from the distribution `which`."""
    k, last = world.first[which], world.first[which + 1]
    if last - k > 1:
        u = np.random.random()
        while k < last - 1 and u >= world.spreads[k, 0]:
            k += 1
    kind, a, b, most = world.spreads[k, 1], world.spreads[k, 2], world.spreads[k, 3], world.spreads[k, 4]
    if kind == 0.0:
        return min(a, most)
    if kind == 1.0:
        return a + b * np.random.random()
    if kind == 2.0:
        return np.random.exponential(a)
    value = most
    for _ in range(1000):
        value = math.exp(a + b * np.random.standard_normal())
        if value <= most:
            return value
    return most


@inner
def push(world: State, at: float, kind: int, subject: int, mark: int) -> None:
    """Plan an event."""
    i = world.ints[s.HEAP]
    world.ints[s.HEAP] = i + 1
    times, what = world.heap_at, world.heap_what
    while i > 0:
        above = (i - 1) >> 1
        if times[above] < at or (times[above] == at and what[above, 0] <= kind):
            break
        times[i] = times[above]
        what[i] = what[above]
        i = above
    times[i] = at
    what[i, 0], what[i, 1], what[i, 2] = kind, subject, mark


@inner
def pop(world: State) -> None:
    """Forget the event that comes first."""
    size = world.ints[s.HEAP] - 1
    world.ints[s.HEAP] = size
    times, what = world.heap_at, world.heap_what
    at, kind, subject, mark = times[size], what[size, 0], what[size, 1], what[size, 2]
    i = 0
    while True:
        below = 2 * i + 1
        if below >= size:
            break
        right = below + 1
        if right < size and (
            times[right] < times[below] or (times[right] == times[below] and what[right, 0] < what[below, 0])
        ):
            below = right
        if at < times[below] or (at == times[below] and kind <= what[below, 0]):
            break
        times[i] = times[below]
        what[i] = what[below]
        i = below
    times[i] = at
    what[i, 0], what[i, 1], what[i, 2] = kind, subject, mark


@inner
def span(world: State, state: int, since: float) -> None:
    """An agent was in `state` from `since` until now."""
    until = world.floats[s.NOW]
    seconds = max(0.0, min(until, world.load[s.END_S]) - max(since, world.load[s.BEGIN_S]))
    if state == s.TALKING:
        world.floats[s.TALK_S] += seconds
    elif state == s.WRAP_UP:
        world.floats[s.WRAP_S] += seconds
    elif state == s.PAUSED:
        world.floats[s.PAUSED_S] += seconds
    else:
        world.floats[s.IDLE_S] += seconds


@inner
def agent_to(world: State, agent: int, state: int) -> None:
    """The agent changes state."""
    ints, before = world.ints, world.agent_state[agent]
    span(world, before, world.agent_since[agent])
    ints[s.N_READY] += (state == s.READY) - (before == s.READY)
    ints[s.N_TALKING] += (state == s.TALKING) - (before == s.TALKING)
    world.agent_state[agent] = state
    world.agent_since[agent] = world.floats[s.NOW]


@inner
def longest_idle(world: State) -> int:
    """The agent who has been ready longest, or -1."""
    found, since = -1, LONGEST_WAIT
    if world.ints[s.N_READY] > 0:
        for agent in range(len(world.agent_state)):
            if world.agent_state[agent] == s.READY and world.agent_since[agent] < since:
                found, since = agent, world.agent_since[agent]
    return found


@inner
def line_time(world: State) -> None:
    """Count the seconds that lines were out until now."""
    now, begin = world.floats[s.NOW], max(world.floats[s.LINE_AT], world.load[s.BEGIN_S])
    world.floats[s.LINE_S] += world.ints[s.N_ACTIVE] * max(0.0, min(now, world.load[s.END_S]) - begin)
    world.floats[s.LINE_AT] = now


@inner
def line_gone(world: State, line: int) -> None:
    """The line is no longer one."""
    line_time(world)
    if world.line_stage[line] == s.WAITING:
        count = world.ints[s.N_WAITING]
        at = 0
        while world.waiting[at] != line:
            at += 1
        for i in range(at, count - 1):
            world.waiting[i] = world.waiting[i + 1]
        world.ints[s.N_WAITING] = count - 1
    last = world.ints[s.N_ACTIVE] - 1
    world.ints[s.N_ACTIVE] = last
    place, other = world.line_place[line], world.active[last]
    world.active[place], world.line_place[other] = other, place
    world.active[last], world.line_place[line] = line, last
    world.line_stage[line] = s.FREE


@inner
def answer_chance(world: State, now: float) -> float:
    """Chance that a dial made now reaches a person, accounts of average chance."""
    load = world.load
    p = load[s.P_MEAN]
    if load[s.AMPLITUDE] != 0.0:
        p *= 1.0 + load[s.AMPLITUDE] * math.sin(2.0 * math.pi * now / load[s.PERIOD_S])
    within = now % load[s.REPEAT_S] if load[s.REPEAT_S] > 0.0 else now
    factor = 1.0
    for k in range(len(world.steps)):
        if world.steps[k, 0] > within:
            break
        factor = world.steps[k, 1]
    return min(max(p * factor, 0.0), 0.95)


@inner
def dial(world: State, agent: int) -> bool:
    """Dial one line, for this agent if it is one; False when there is no room for more lines."""
    ints, now, load = world.ints, world.floats[s.NOW], world.load
    if ints[s.N_ACTIVE] >= len(world.active):
        return False
    line_time(world)
    line = world.active[ints[s.N_ACTIVE]]
    world.line_place[line] = ints[s.N_ACTIVE]
    ints[s.N_ACTIVE] += 1
    relative = 1.0
    if len(world.relative) > 1:
        u, k = np.random.random(), 0
        while k < len(world.relative) - 1 and u >= world.relative[k, 1]:
            k += 1
        relative = world.relative[k, 0]
    person = np.random.random() < min(answer_chance(world, now) * relative, 0.95)
    ints[s.SEQUENCE] += 1
    mark = ints[s.SEQUENCE]
    world.outcomes[mark % s.OUTCOMES] = 0
    world.line_stage[line], world.line_person[line], world.line_mark[line] = s.RINGING, person, mark
    world.line_agent[line], world.line_at[line] = agent, now
    begin = now + load[s.POST_DIAL_S]
    if person:
        push(world, begin + draw(world, 2), s.ANSWER, line, mark)
        return True
    u, k = np.random.random(), 0
    while k < len(world.others) - 1 and u >= world.others[k, 0]:
        k += 1
    kind = s.ANSWER if world.others[k, 2] == 1.0 else s.NOBODY
    push(world, begin + draw(world, int(world.others[k, 1])), kind, line, mark)
    return True


@inner
def count_answer(world: State, abandoned: bool) -> None:
    """A person's call is resolved."""
    ints, now = world.ints, world.floats[s.NOW]
    ints[s.ALL_OVER] += 1
    ints[s.ALL_ANSWERED] += 1
    ints[s.ALL_ABANDONED] += abandoned
    note_answer(world, abandoned)
    if now < world.load[s.BEGIN_S]:
        return
    ints[s.SERVED] += not abandoned
    ints[s.ABANDONED] += abandoned
    world.blocks[int(now // 900.0), 0] += 1
    world.blocks[int(now // 900.0), 1] += abandoned
    day = int((now - world.load[s.BEGIN_S]) // 28800.0)
    world.days[day, 0] += 1
    world.days[day, 1] += abandoned


@inner
def prompt(world: State) -> None:
    """Something the rule may want to act on at once."""
    if world.ints[s.N_AGENTS] <= world.rule[1]:
        act(world)


@inner
def act(world: State) -> None:
    """Ask the rule, and do what it says."""
    wanted = decide(world)
    reserve = world.rule[0] == 0.0
    while wanted > 0:
        agent = -1
        if reserve:
            agent = longest_idle(world)
            if agent < 0:
                return
            agent_to(world, agent, s.RESERVED)
        if not dial(world, agent):
            return
        wanted -= 1


@inner
def serve(world: State, line: int, agent: int) -> None:
    """Join the person to the agent."""
    line_gone(world, line)
    count_answer(world, False)
    world.agent_call[agent] += 1
    agent_to(world, agent, s.TALKING)
    push(world, world.floats[s.NOW] + draw(world, 0), s.TALK_END, agent, world.agent_call[agent])


@inner
def sign_out(world: State, agent: int) -> None:
    """The agent leaves."""
    agent_to(world, agent, s.GONE)
    world.agent_call[agent] += 1
    world.agent_leaving[agent] = world.agent_pause_due[agent] = 0
    staff_time(world)
    world.ints[s.N_AGENTS] -= 1
    prompt(world)


@inner
def staff_time(world: State) -> None:
    """Count the agents' signed-in seconds until now."""
    now, begin = world.floats[s.NOW], max(world.floats[s.AGENT_AT], world.load[s.BEGIN_S])
    world.floats[s.AGENT_S] += world.ints[s.N_AGENTS] * max(0.0, min(now, world.load[s.END_S]) - begin)
    world.floats[s.AGENT_AT] = now


@inner
def ready(world: State, agent: int) -> None:
    """The agent is free: leaves, pauses, takes who waits longest, or waits."""
    if world.agent_leaving[agent]:
        sign_out(world, agent)
        return
    if world.agent_pause_due[agent]:
        world.agent_pause_due[agent] = 0
        agent_to(world, agent, s.PAUSED)
        mean = max(world.load[s.PAUSE_MEAN_S], 1e-6)
        push(world, world.floats[s.NOW] + np.random.exponential(mean), s.PAUSE_END, agent, world.agent_call[agent])
        prompt(world)
        return
    agent_to(world, agent, s.READY)
    if world.ints[s.N_WAITING] > 0:
        serve(world, world.waiting[0], agent)
        return
    prompt(world)


@inner
def line_over(world: State, line: int, person: bool) -> None:
    """A line ends without an agent; one reserved for it is ready again."""
    line_gone(world, line)
    if not person:
        world.ints[s.ALL_OVER] += 1
    agent = world.line_agent[line]
    if agent >= 0 and world.agent_state[agent] == s.RESERVED:
        ready(world, agent)
    else:
        prompt(world)


@inner
def verdict(world: State, line: int, mark: int) -> None:
    """Detection has decided."""
    load = world.load
    if not world.line_person[line]:
        note_outcome(world, mark, False)
        line_over(world, line, False)
        return
    note_outcome(world, mark, True)
    if load[s.HUMAN_AS_MACHINE] > 0.0 and np.random.random() < load[s.HUMAN_AS_MACHINE]:
        count_answer(world, True)
        line_over(world, line, True)
        return
    if load[s.VERDICT_LAG_S] > load[s.GRACE_S]:
        count_answer(world, True)
        line_over(world, line, True)
        return
    agent = world.line_agent[line]
    if agent < 0 or world.agent_state[agent] != s.RESERVED:
        agent = longest_idle(world)
    if agent >= 0:
        serve(world, line, agent)
        return
    world.line_stage[line] = s.WAITING
    world.waiting[world.ints[s.N_WAITING]] = line
    world.ints[s.N_WAITING] += 1
    push(world, world.floats[s.NOW] + (load[s.GRACE_S] - load[s.VERDICT_LAG_S]), s.DEADLINE, line, mark)


@inner
def line_event(world: State, kind: int, line: int, mark: int) -> None:
    """Something happens to a line, if it is still the one that was meant."""
    if world.line_mark[line] != mark or world.line_stage[line] == s.FREE:
        return
    if kind == s.ANSWER:
        world.line_stage[line] = s.ANSWERED
        row = int(min(max(world.floats[s.NOW] - world.line_at[line], 0.0) * 2.0, float(len(world.odds) - 1)))
        p = min(max(world.floats[s.REACHED] / world.floats[s.DIALS], 0.005), 0.95)
        odds = world.odds[row] * p / max(1.0 - p, 1e-6)
        world.line_human[line] = odds / (1.0 + odds)
        push(world, world.floats[s.NOW] + world.load[s.AMD_S] + world.load[s.VERDICT_LAG_S], s.VERDICT, line, mark)
    elif kind == s.NOBODY:
        note_outcome(world, mark, False)
        line_over(world, line, False)
    elif kind == s.VERDICT:
        verdict(world, line, mark)
    else:
        count_answer(world, True)
        line_over(world, line, True)


@inner
def next_pause(world: State, agent: int) -> None:
    """Plan the agent's next pause, if agents pause on this floor."""
    rate = world.load[s.PAUSES_PER_S]
    if rate > 0.0:
        at = world.floats[s.NOW] + np.random.exponential(1.0 / rate)
        push(world, at, s.PAUSE, agent, world.agent_hired[agent])


@inner
def agent_event(world: State, kind: int, agent: int, call: int) -> None:
    """Something happens to an agent, if it is still the spell that was meant."""
    if world.agent_state[agent] == s.GONE:
        return
    if kind == s.PAUSE:
        if call != world.agent_hired[agent]:
            return
        next_pause(world, agent)
        if world.agent_state[agent] != s.PAUSED:
            world.agent_pause_due[agent] = 1
            if world.agent_state[agent] == s.READY:
                ready(world, agent)
        return
    if world.agent_call[agent] != call:
        return
    if kind == s.TALK_END:
        agent_to(world, agent, s.WRAP_UP)
        push(world, world.floats[s.NOW] + draw(world, 1), s.WRAP_END, agent, call)
        prompt(world)
    else:
        world.ints[s.ALL_WRAPPED] += kind == s.WRAP_END
        ready(world, agent)


@inner
def staff(world: State, wanted: int, at_once: bool) -> None:
    """The schedule changes: agents sign in, or leave (after their call, or at once)."""
    staying = 0
    for agent in range(len(world.agent_state)):
        staying += world.agent_state[agent] != s.GONE and not world.agent_leaving[agent]
    for agent in range(len(world.agent_state) - 1, -1, -1):
        if staying <= wanted:
            break
        state = world.agent_state[agent]
        if state == s.GONE or world.agent_leaving[agent]:
            continue
        staying -= 1
        world.agent_leaving[agent] = 1
        if at_once or state in (s.READY, s.PAUSED):
            sign_out(world, agent)
    for agent in range(len(world.agent_state)):
        if staying >= wanted:
            break
        if world.agent_state[agent] != s.GONE:
            continue
        staying += 1
        staff_time(world)
        world.ints[s.N_AGENTS] += 1
        world.agent_since[agent] = world.floats[s.NOW]
        world.agent_hired[agent] += 1
        next_pause(world, agent)
        ready(world, agent)


@compiled
def run(world: State, seed: int, tick_s: float) -> None:
    """Play the workload to its end."""
    np.random.seed(seed)
    ints, floats, end = world.ints, world.floats, world.load[s.END_S]
    tick = 0.0
    while True:
        step = ints[s.STEP]
        staff_at = world.staff[step, 0] if step < len(world.staff) else LONGEST_WAIT
        event_at = world.heap_at[0] if ints[s.HEAP] > 0 else LONGEST_WAIT
        now = min(staff_at, event_at, tick)
        if now > end:
            break
        floats[s.NOW] = now
        if staff_at <= now:
            ints[s.STEP] += 1
            staff(world, int(world.staff[step, 1]), world.staff[step, 2] == 1.0)
        elif event_at <= now:
            kind, subject, mark = world.heap_what[0, 0], world.heap_what[0, 1], world.heap_what[0, 2]
            pop(world)
            if kind in (s.TALK_END, s.WRAP_END, s.PAUSE, s.PAUSE_END):
                agent_event(world, kind, subject, mark)
            else:
                line_event(world, kind, subject, mark)
        else:
            tick += tick_s
            act(world)
    floats[s.NOW] = end
    for agent in range(len(world.agent_state)):
        if world.agent_state[agent] != s.GONE:
            agent_to(world, agent, world.agent_state[agent])
    line_time(world)
    staff_time(world)
