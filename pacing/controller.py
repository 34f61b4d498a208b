"""How many lines to add now: one code path for preview, progressive, power, predictive and blended floors.

The way of a decision: trust the snapshot or dial nothing; count who can serve; ask the mode how many lines it wants;
let every cap cut that down; say which caps bound. Nothing here raises on a strange snapshot: what makes no sense dials
nothing and says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from domain.ids import AttemptId
from pacing.decision import Cap, CapCode, PacingDecision
from pacing.settings import Mode
from pacing.snapshot import AgentState, AgentView, FloorSnapshot, WindowTally

QUIET_LIMIT_S: Final = 3.0
LAG_LIMIT_S: Final = 0.5
CLOCK_JUMP_LIMIT_S: Final = 2.0
_AT_WORK: Final = frozenset(
    {AgentState.READY, AgentState.RESERVED, AgentState.TALKING, AgentState.HOLD, AgentState.WRAP_UP}
)


@dataclass(frozen=True, slots=True)
class Staff:
    """Who can serve this campaign.

    Attributes:
        due: signed in, working, and not about to leave: "due back" for the next call.
        ready: of these, free now and rested, less those kept back for incoming calls.
        loose_lines: lines in flight with no agent reserved; any of them may claim a ready agent.
    """

    due: int
    ready: int
    loose_lines: int


def decide(snapshot: FloorSnapshot) -> PacingDecision:
    """Decide how many lines to add and which to release, from the snapshot alone."""
    distrust = _distrust(snapshot)
    if distrust is not None:
        return _nothing(snapshot, distrust)
    staff = count_staff(snapshot)
    if staff.due == 0:
        words = "no agent is signed in and due back for a call"
        return _nothing(snapshot, Cap(CapCode.NO_AGENT, 0, words))
    brake = first_braking(snapshot.tallies)
    mode = _mode_in_force(snapshot, brake)
    caps = _mode_caps(snapshot, staff, mode, brake)
    if staff.ready == 0 and mode is not Mode.PREDICTIVE:
        caps.append(Cap(CapCode.NO_READY_AGENT, 0, "no agent is ready, and this mode dials only for ready agents"))
    return _conclude(snapshot, mode, caps, q=None, release=())


def count_staff(snapshot: FloorSnapshot) -> Staff:
    """Count who is due back and who is ready, by the settings' skills, rest and leave guard."""
    settings = snapshot.settings
    due = ready = 0
    for agent in snapshot.agents:
        if not may_serve(agent, snapshot):
            continue
        due += 1
        if agent.state is AgentState.READY and snapshot.now - agent.since >= settings.idle_floor_s:
            ready += 1
    kept_back = settings.inbound_reserve + snapshot.inbound_waiting
    loose = sum(1 for line in snapshot.lines if line.reserved_for is None)
    return Staff(due=due, ready=max(0, ready - kept_back), loose_lines=loose)


def may_serve(agent: AgentView, snapshot: FloorSnapshot) -> bool:
    """Whether the agent works, has the skills, and will still be there for a call dialed now."""
    settings = snapshot.settings
    if agent.state not in _AT_WORK or agent.leaves_after_call:
        return False
    if agent.leaves_at is not None and agent.leaves_at - snapshot.now < settings.leave_guard_s:
        return False
    return settings.required_skills <= agent.skills


def brakes(tally: WindowTally) -> bool:
    """Whether the abandonment budget of this window is used up: abandoned >= floor(target x answers) + 1.

    While it is, every new line needs a reserved agent, and no setting lifts that.
    """
    # The product is nudged so that 0.03 x 100 counts as 3 although binary floats put it a hair below.
    return tally.binds and tally.abandoned >= math.floor(tally.target * tally.answered + 1e-9) + 1


def first_braking(tallies: tuple[WindowTally, ...]) -> WindowTally | None:
    """The first window whose budget is used up, if any."""
    return next((tally for tally in tallies if brakes(tally)), None)


def _mode_in_force(snapshot: FloorSnapshot, brake: WindowTally | None) -> Mode:
    """The campaign's mode, or progressive when the budget is used up or nothing can be forecast yet."""
    mode = snapshot.settings.mode
    unknown = mode is Mode.PREDICTIVE and snapshot.forecast is None
    return Mode.PROGRESSIVE if unknown or (brake is not None and mode is not Mode.PREVIEW) else mode


def _distrust(snapshot: FloorSnapshot) -> Cap | None:
    """Why this snapshot must not be acted on, or None."""
    health = snapshot.health
    figures = (snapshot.now, snapshot.theta, snapshot.answer_p, snapshot.answer_p_high, snapshot.inbound_per_s)
    if not all(math.isfinite(figure) for figure in figures):
        return Cap(CapCode.BAD_SNAPSHOT, 0, "the snapshot holds a figure that is not a number")
    if not health.link_up:
        return Cap(CapCode.STALE, 0, "the connection to the switch is down or not yet reconciled")
    if not health.quiet_s <= QUIET_LIMIT_S:
        return Cap(CapCode.STALE, 0, f"the switch has been silent for {health.quiet_s:.1f} s")
    if not health.queue_lag_s <= LAG_LIMIT_S:
        return Cap(CapCode.STALE, 0, f"events wait {health.queue_lag_s:.1f} s to be handled: the picture is old")
    if not abs(health.clock_jump_s) <= CLOCK_JUMP_LIMIT_S:
        return Cap(CapCode.STALE, 0, f"the clock jumped by {health.clock_jump_s:.1f} s")
    return None


def _mode_caps(snapshot: FloorSnapshot, staff: Staff, mode: Mode, brake: WindowTally | None) -> list[Cap]:
    """How many lines the mode wants, as its own cap (and the brake's, when that is why)."""
    free = max(0, staff.ready - staff.loose_lines)
    match mode:
        case Mode.PREVIEW | Mode.PROGRESSIVE:
            words = f"one line per ready agent: {staff.ready} ready, {staff.loose_lines} lines may still claim one"
            caps = [Cap(CapCode.READY_AGENTS, free, words)]
        case Mode.POWER:
            ratio = snapshot.settings.ratio
            wanted = max(0, math.floor(ratio * staff.ready + 1e-9) - staff.loose_lines)
            words = f"{ratio:g} lines for each of {staff.ready} ready agents, {staff.loose_lines} already out"
            caps = [Cap(CapCode.RATIO, wanted, words)]
        case Mode.PREDICTIVE:
            caps = []
    if brake is not None:
        words = (
            f"the budget of abandoned calls is used up ({brake.name}: {brake.abandoned} of {brake.answered} live "
            f"answers, target {brake.target:.1%}): every new line needs a reserved agent"
        )
        caps.append(Cap(CapCode.BRAKE, free, words))
    return caps


def _outside_caps(snapshot: FloorSnapshot, agents_due: int) -> list[Cap]:
    """What trunks, rates, caller IDs, accounts and the campaign's own maximum allow."""
    settings, capacity = snapshot.settings, snapshot.capacity
    ours = sum(1 for line in snapshot.lines if line.ours)
    most = math.floor(settings.max_lines_per_agent * agents_due)
    if settings.max_lines is not None:
        most = min(most, settings.max_lines)
    caps = [Cap(CapCode.MAX_LINES, max(0, most - ours), f"at most {most} lines without an agent, {ours} are out")]
    limits = (
        (CapCode.CHANNELS, capacity.channels_free, "free channels on the trunks"),
        (CapCode.CALLS_PER_SECOND, capacity.call_tokens, "calls the per-second limit allows now"),
        (CapCode.CALLER_ID, capacity.caller_id_calls, "calls left in the caller IDs' daily caps"),
        (CapCode.ACCOUNTS, capacity.accounts, "accounts that may be dialed now"),
    )
    caps.extend(Cap(code, max(0, room), f"{words}: {max(0, room)}") for code, room, words in limits if room is not None)
    return caps


def _conclude(
    snapshot: FloorSnapshot, mode: Mode, caps: list[Cap], q: float | None, release: tuple[AttemptId, ...]
) -> PacingDecision:
    """Take the tightest cap and name all that are as tight."""
    due = sum(1 for agent in snapshot.agents if may_serve(agent, snapshot))
    every = caps + _outside_caps(snapshot, due)
    lines = min(cap.lines for cap in every)
    bound = tuple(cap for cap in every if cap.lines == lines)
    return PacingDecision(
        now=snapshot.now,
        lines_to_add=lines,
        reserve=mode in {Mode.PREVIEW, Mode.PROGRESSIVE},
        release=release,
        mode=mode,
        theta=snapshot.theta,
        q=q,
        caps=bound,
        words=_words(lines, bound),
    )


def _words(lines: int, bound: tuple[Cap, ...]) -> str:
    what = "no new line" if lines == 0 else "1 new line" if lines == 1 else f"{lines} new lines"
    return f"{what}: " + "; ".join(cap.words for cap in bound)


def _nothing(snapshot: FloorSnapshot, cap: Cap) -> PacingDecision:
    """The safe decision."""
    return PacingDecision(
        now=snapshot.now,
        lines_to_add=0,
        reserve=True,
        release=(),
        mode=snapshot.settings.mode,
        theta=snapshot.theta,
        q=None,
        caps=(cap,),
        words=_words(0, (cap,)),
    )
