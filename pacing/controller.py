"""How many lines to add now: one code path for preview, progressive, power, predictive and blended floors.

The way of a decision: trust the snapshot or dial nothing; count who can serve; ask the mode how many lines it wants;
let every cap cut that down; say which caps bound. Nothing here raises on a strange snapshot: what makes no sense dials
nothing and says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.ids import AttemptId
from domain.mode import Mode
from pacing.answer_rate import SURE_FROM
from pacing.chances import Floor, Staff, floor_of, fresh_chance, muster, overdue, ringing_rows
from pacing.decision import Cap, CapCode, PacingDecision
from pacing.forecast import Forecast
from pacing.lookahead import Demand, Room, Run, add_poisson, demand, fill
from pacing.snapshot import FloorSnapshot, WindowTally

QUIET_LIMIT_S: Final = 3.0
LAG_LIMIT_S: Final = 0.5
CLOCK_JUMP_LIMIT_S: Final = 2.0
MOST_PER_DECISION: Final = 20_000
"""No decision asks for more lines than this, whatever the caps say."""
_ONE_TO_ONE: Final = frozenset({Mode.PREVIEW, Mode.MANUAL, Mode.PROGRESSIVE})
"""Each line has an agent reserved for it."""
RELEASE_AT: Final = 4.0
"""Lines past the legal ring time are released while q exceeds theta by this factor."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the mode wants, before the outside limits.

    Attributes:
        caps: the mode's own limits.
        q: chance that the last line wanted meets no agent.
        release: ringing lines better given up.
    """

    caps: tuple[Cap, ...]
    q: float | None = None
    release: tuple[AttemptId, ...] = ()


def decide(snapshot: FloorSnapshot) -> PacingDecision:
    """Decide how many lines to add and which to release, from the snapshot alone. Never raises."""
    try:
        distrust = _distrust(snapshot)
        return _decide(snapshot) if distrust is None else _nothing(snapshot, distrust)
    except (ArithmeticError, LookupError, ValueError, TypeError, AttributeError) as error:
        words = f"the snapshot cannot be worked out ({type(error).__name__}): a figure in it cannot be"
        return _nothing(snapshot, Cap(CapCode.BAD_SNAPSHOT, 0, words))


def _decide(snapshot: FloorSnapshot) -> PacingDecision:
    staff = muster(snapshot)
    if staff.due == 0:
        return _nothing(snapshot, Cap(CapCode.NO_AGENT, 0, "no agent is signed in and due back for a call"))
    brake = first_braking(snapshot.tallies)
    mode = _mode_in_force(snapshot, brake)
    outside = _outside_caps(snapshot, staff)
    wish = _wish(snapshot, staff, mode, brake, limit=min(cap.lines for cap in outside))
    every = (*wish.caps, *outside)
    lines = min(cap.lines for cap in every)
    bound = tuple(cap for cap in every if cap.lines == lines)
    return PacingDecision(
        now=snapshot.now,
        lines_to_add=lines,
        reserve=mode in _ONE_TO_ONE,
        release=wish.release,
        mode=mode,
        theta=snapshot.theta,
        q=wish.q,
        caps=bound,
        words=_words(lines, bound),
    )


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
    return Mode.PROGRESSIVE if unknown or (brake is not None and mode not in _ONE_TO_ONE) else mode


def _distrust(snapshot: FloorSnapshot) -> Cap | None:
    """Why this snapshot must not be acted on, or None."""
    health = snapshot.health
    shares = (snapshot.theta, snapshot.answer_p, snapshot.answer_p_high, *(one.answer_p for one in snapshot.candidates))
    counts = (snapshot.inbound_per_s, snapshot.inbound_waiting, snapshot.surge, *(c.count for c in snapshot.candidates))
    if not (
        math.isfinite(snapshot.now)
        and all(0.0 <= share <= 1.0 for share in shares)
        and all(0.0 <= count < math.inf for count in counts)
    ):
        return Cap(CapCode.BAD_SNAPSHOT, 0, "the snapshot holds a figure that cannot be")
    if not health.link_up:
        return Cap(CapCode.STALE, 0, "the connection to the switch is down or not yet reconciled")
    if not health.quiet_s <= QUIET_LIMIT_S:
        return Cap(CapCode.STALE, 0, f"the switch has been silent for {health.quiet_s:.1f} s")
    if not health.queue_lag_s <= LAG_LIMIT_S:
        return Cap(CapCode.STALE, 0, f"events wait {health.queue_lag_s:.1f} s to be handled: the picture is old")
    if not abs(health.clock_jump_s) <= CLOCK_JUMP_LIMIT_S:
        return Cap(CapCode.STALE, 0, f"the clock jumped by {health.clock_jump_s:.1f} s")
    return None


def _wish(snapshot: FloorSnapshot, staff: Staff, mode: Mode, brake: WindowTally | None, limit: int) -> Wish:
    """How many lines the mode wants (and the brake's say, when it is on)."""
    match mode:
        case Mode.PREVIEW | Mode.MANUAL | Mode.PROGRESSIVE:
            return _one_to_one(staff, brake)
        case Mode.POWER:
            return _power(snapshot, staff, limit)
        case Mode.PREDICTIVE:
            return _look_ahead(snapshot, staff, limit)


def _one_to_one(staff: Staff, brake: WindowTally | None) -> Wish:
    free = max(0, staff.ready - len(staff.loose))
    words = f"one line per ready agent: {staff.ready} ready, {len(staff.loose)} lines may still claim one"
    caps = [Cap(CapCode.READY_AGENTS, free, words)]
    if staff.ready == 0:
        caps.append(_nobody_ready())
    if brake is not None:
        words = (
            f"the budget of abandoned calls is used up ({brake.name}: {brake.abandoned} of {brake.answered} live "
            f"answers, target {brake.target:.1%}): every new line needs a reserved agent"
        )
        caps.append(Cap(CapCode.BRAKE, free, words))
    return Wish(tuple(caps))


def _power(snapshot: FloorSnapshot, staff: Staff, limit: int) -> Wish:
    if staff.ready == 0:
        return Wish((_nobody_ready(),))
    ratio = snapshot.settings.ratio
    wanted = max(0, math.floor(ratio * staff.ready + 1e-9) - len(staff.loose))
    words = f"{ratio:g} lines for each of {staff.ready} ready agents, {len(staff.loose)} already out"
    caps = (Cap(CapCode.RATIO, wanted, words),)
    if snapshot.forecast is None:
        return Wish(caps)
    ahead = _look_ahead(snapshot, staff, min(limit, wanted))
    return Wish(caps + ahead.caps, ahead.q)


def _nobody_ready() -> Cap:
    return Cap(CapCode.NO_READY_AGENT, 0, "no agent is ready, and this mode dials only for ready agents")


def _look_ahead(snapshot: FloorSnapshot, staff: Staff, limit: int) -> Wish:
    """Lines while the next one's chance to meet no agent is at most theta; releases when it is far above."""
    forecast = snapshot.forecast
    if forecast is None:
        return Wish(())
    floor = floor_of(snapshot, forecast, staff, staff.loose)
    z = _demand(snapshot, forecast, floor)
    learning = _learning_caps(snapshot, staff)
    limit = min(limit, *(cap.lines for cap in learning)) if learning else limit
    room = fill(z, forecast.weight, _runs(snapshot, forecast, limit), snapshot.theta, min(limit, MOST_PER_DECISION))
    release = _releases(snapshot, forecast, staff) if room.lines == 0 and room.q > RELEASE_AT * snapshot.theta else ()
    if room.lines >= limit:
        return Wish(learning, room.q, release)
    return Wish((*learning, _theta_cap(snapshot.theta, room, floor)), room.q, release)


def _learning_caps(snapshot: FloorSnapshot, staff: Staff) -> tuple[Cap, ...]:
    """A large floor would dial for everybody before the first outcome, all of it on one guess of the answer rate.

    Chance evens out over many lines, a wrong guess does not: it is the same for each. So until the rate is known, a
    line for each ready agent must do, or as many lines as it takes to learn the rate.
    """
    if snapshot.dials_known >= SURE_FROM:
        return ()
    most = max(staff.ready, SURE_FROM)
    words = (
        f"at most {most} lines at once until {SURE_FROM} outcomes tell how many answer ({snapshot.dials_known} known), "
        f"{len(staff.loose)} are out"
    )
    return (Cap(CapCode.LEARNING, max(0, most - len(staff.loose)), words),)


def _theta_cap(theta: float, room: Room, floor: Floor) -> Cap:
    words = (
        f"one more line would have a {room.q_next:.1%} chance that a person who answers meets no agent, "
        f"and {theta:.1%} is accepted ({floor.agents} agents, {len(floor.chances)} busy or on lines in flight)"
    )
    return Cap(CapCode.THETA, room.lines, words)


def _demand(snapshot: FloorSnapshot, forecast: Forecast, floor: Floor) -> Demand:
    agents = max(0, floor.agents - floor.certain)
    z = demand(agents, floor.chances)
    if snapshot.inbound_per_s > 0.0:
        add_poisson(z, snapshot.inbound_per_s * forecast.grid)
    return z


def _runs(snapshot: FloorSnapshot, forecast: Forecast, limit: int) -> list[Run]:
    """The accounts to dial next, as runs of equal chance. While little is known, chances are taken high."""
    caution = max(1.0, snapshot.answer_p_high / max(snapshot.answer_p, 1e-3), snapshot.surge)
    if not snapshot.candidates:
        return [Run(limit, fresh_chance(forecast, "", min(1.0, snapshot.answer_p * caution)))]
    return [
        Run(candidate.count, fresh_chance(forecast, candidate.route, min(1.0, candidate.answer_p * caution)))
        for candidate in snapshot.candidates
    ]


def _releases(snapshot: FloorSnapshot, forecast: Forecast, staff: Staff) -> tuple[AttemptId, ...]:
    """Lines past the legal ring time, oldest first, as few as bring q within bounds (all, if none of that does)."""
    old = overdue(snapshot, staff.loose) if snapshot.settings.release_ringing else []
    if not old:
        return ()
    gone = {line.attempt for line in old}
    rest = floor_of(snapshot, forecast, staff, [line for line in staff.loose if line.attempt not in gone])
    rows = np.concatenate([ringing_rows(snapshot, forecast, line.route, [line]) for line in old])

    def q_without(count: int) -> float:
        chances = np.concatenate((rest.chances, rows[count:]))
        z = _demand(snapshot, forecast, Floor(rest.agents, rest.certain, chances))
        return float(forecast.weight @ z.overrun())

    low, high = 1, len(old)  # q falls with each line given up: the fewest that suffice are found by halving
    while low < high:
        middle = (low + high) // 2
        if q_without(middle) <= RELEASE_AT * snapshot.theta:
            high = middle
        else:
            low = middle + 1
    return tuple(line.attempt for line in old[:low])


def _outside_caps(snapshot: FloorSnapshot, staff: Staff) -> list[Cap]:
    """What trunks, rates, caller IDs, accounts and the campaign's own maximum allow."""
    settings, capacity = snapshot.settings, snapshot.capacity
    most = math.floor(settings.max_lines_per_agent * staff.due)
    if settings.max_lines is not None:
        most = min(most, settings.max_lines)
    caps = [
        Cap(
            CapCode.MAX_LINES, max(0, most - staff.ours), f"at most {most} lines without an agent, {staff.ours} are out"
        )
    ]
    limits = (
        (CapCode.CHANNELS, capacity.channels_free, "free channels on the trunks"),
        (CapCode.CALLS_PER_SECOND, capacity.call_tokens, "calls the per-second limit allows now"),
        (CapCode.CALLER_ID, capacity.caller_id_calls, "calls left in the caller IDs' daily caps"),
        (CapCode.ACCOUNTS, capacity.accounts, "accounts due now"),
    )
    for code, room, words in limits:
        if room is not None:
            whole = max(0, math.floor(room))
            caps.append(Cap(code, whole, f"{words}: {whole}"))
    return caps


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
        mode=getattr(snapshot.settings, "mode", Mode.PROGRESSIVE),
        theta=snapshot.theta,
        q=None,
        caps=(cap,),
        words=_words(0, (cap,)),
    )
