"""What a campaign's pacing has learned, as text that survives a restart.

The text names its version. One of another version, or with a figure that cannot be, is refused with a clear error; the
caller then starts from the priors, which is safe: theta is held low until enough is known.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final, cast

import numpy as np

from domain.ids import AgentId
from pacing.answer_model import AnswerModel
from pacing.answer_rate import AnswerRate
from pacing.budget import THETA_HIGH, THETA_LOW
from pacing.experience import Experience, Pace
from pacing.floor import Pacer
from pacing.forecast import AGE_BINS, ELAPSED_BINS, Floats
from pacing.hazard import DurationEstimator
from pacing.ring_times import RingTimes
from pacing.settings import PacingSettings
from pacing.value import CLASSES_KEPT, Count, RightParty

VERSION: Final = 1
_AGENTS_KEPT: Final = 10_000
_ROUTES_KEPT: Final = 1_000
_MOST: Final = 1e12
"""No count and no sum of seconds is larger."""


class StateError(ValueError):
    """A saved pacing state cannot be used; the message says why and what to do."""


def to_json(pacer: Pacer) -> str:
    """Everything learned; not the floor itself, which is told anew after a restart."""
    known = pacer.experience
    answers = known.answers
    document = {
        "version": VERSION,
        "base": pacer.budget.base,
        "answers": {"reached": answers.reached, "dials": answers.dials, "seen": answers.seen, "gap_s": answers.gap_s},
        "told": {"reached": answers.told_reached, "expected": answers.told_expected},
        "talk": _duration(known.talk),
        "wrap": _duration(known.wrap),
        "rings": {name: _rings(rings) for name, rings in known.rings.items()},
        "accounts": {name: [weight, known.accounts.moved[name]] for name, weight in known.accounts.weights.items()},
        "paces": {agent: [pace.calls, pace.seconds] for agent, pace in known.paces.items()},
        "parties": {name: [one.calls, one.right] for name, one in _counts(known.parties)},
    }
    return json.dumps(document, separators=(",", ":"))


def from_json(text: str, settings: PacingSettings) -> Pacer:
    """A pacer with an empty floor that knows what was saved.

    Raises:
        StateError: not such a text, of another version, or with a figure that cannot be.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:  # a figure of thousands of digits is a plain ValueError
        raise StateError("the saved pacing state is not JSON: remove it, and pacing starts from its priors") from error
    if not isinstance(document, dict) or document.get("version") != VERSION or document["version"] is True:
        raise StateError(f"the saved pacing state is not of version {VERSION}: remove it, and pacing learns anew")
    try:
        pacer = _restore(document, settings)
        _work_out(pacer.experience, settings)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise StateError(f"the saved pacing state is damaged ({error}): remove it, and pacing learns anew") from error
    return pacer


def _work_out(known: Experience, settings: PacingSettings) -> None:
    """Figures that are possible each by itself may not be so together: better found now than in the loop."""
    with np.errstate(over="raise", invalid="raise"):
        forecast = known.forecast(1, settings, [], [], {})
    if not all(np.isfinite(table).all() for table in (forecast.grid, forecast.talk_busy, forecast.wrap_busy)):
        raise ValueError("its forecasts cannot be worked out")


def _restore(document: dict[str, dict[str, object]], settings: PacingSettings) -> Pacer:
    answers = AnswerRate()
    counted, told = document["answers"], document["told"]
    answers.reached, answers.dials = _figure(counted["reached"]), _figure(counted["dials"], low=1.0)
    answers.seen, answers.gap_s = int(_figure(counted["seen"])), _figure(counted["gap_s"])
    answers.told_reached, answers.told_expected = _figure(told["reached"]), _figure(told["expected"], low=1e-6)
    if answers.reached > answers.dials:
        raise ValueError("more persons reached than dials made")
    rings, paces, accounts = document["rings"], document["paces"], document["accounts"]
    if "" not in rings or len(rings) > _ROUTES_KEPT or max(len(paces), len(accounts)) > _AGENTS_KEPT:
        raise ValueError("routes, agents or accounts' classes out of range")
    experience = Experience(
        talk=_read_duration(document["talk"], Experience().talk),
        wrap=_read_duration(document["wrap"], Experience().wrap),
        rings={name: _read_rings(cast("dict[str, object]", entry)) for name, entry in rings.items()},
        answers=answers,
        accounts=_read_accounts(accounts),
        paces={AgentId(agent): _read_pace(entry) for agent, entry in paces.items()},
        parties=_read_parties(document.get("parties", {})),  # files of earlier releases have none
    )
    pacer = Pacer(settings, experience)
    pacer.budget.base = min(max(_figure(document["base"]), THETA_LOW), THETA_HIGH)
    return pacer


def _figure(value: object, low: float = 0.0, high: float = _MOST) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError("a figure is missing, out of range or not a number")
    return float(value)


def _figures(value: object, length: int) -> Floats:
    array = np.array(value, dtype=np.float64)
    if array.shape != (length,) or not ((array >= 0.0) & (array <= _MOST)).all():
        raise ValueError("a table has the wrong length, or a figure that cannot be")
    return array


def _duration(known: DurationEstimator) -> dict[str, object]:
    known.settle()
    return {
        "ends": known.ends.tolist(),
        "at_risk": known.at_risk.tolist(),
        "sums": [known.weight, known.log_squares, known.seconds],
        "log_sum": known.log_sum,
    }


def _read_duration(entry: dict[str, object], fresh: DurationEstimator) -> DurationEstimator:
    fresh.ends, fresh.at_risk = _figures(entry["ends"], ELAPSED_BINS), _figures(entry["at_risk"], ELAPSED_BINS)
    fresh.weight, fresh.log_squares, fresh.seconds = _figures(entry["sums"], 3).tolist()
    log_sum = entry["log_sum"]
    if not isinstance(log_sum, int | float) or not abs(log_sum) <= _MOST:
        raise ValueError("a figure is missing or not a number")
    fresh.log_sum = float(log_sum)
    return fresh


def _rings(known: RingTimes) -> dict[str, object]:
    known.settle()
    tables = (known.persons, known.machines, known.nothing, known.at_risk)
    return {"tables": [table.tolist() for table in tables], "verdict_s": known.verdict_s}


def _read_rings(entry: dict[str, object]) -> RingTimes:
    persons, machines, nothing, at_risk = cast("list[object]", entry["tables"])
    return RingTimes(
        persons=_figures(persons, AGE_BINS),
        machines=_figures(machines, AGE_BINS),
        nothing=_figures(nothing, AGE_BINS),
        at_risk=_figures(at_risk, AGE_BINS),
        verdict_s=_figure(entry["verdict_s"], high=60.0),
    )


def _read_accounts(entries: dict[str, object]) -> AnswerModel:
    model = AnswerModel()
    for name, entry in entries.items():
        weight, moved = np.array(entry, dtype=np.float64).tolist()
        if not abs(weight) <= 100.0 or not 1.0 <= moved <= 1e12:
            raise ValueError("a weight is out of range")
        model.weights[name], model.moved[name] = weight, moved
    return model


def _counts(parties: RightParty) -> Iterator[tuple[str, Count]]:
    yield "", parties.everyone
    yield from parties.classes.items()


def _read_parties(entries: dict[str, object]) -> RightParty:
    if len(entries) > CLASSES_KEPT + 1:
        raise ValueError("more classes of numbers than there can be")
    counts = {name: _read_count(entry) for name, entry in entries.items()}
    return RightParty(counts.pop("", Count()), counts)


def _read_count(entry: object) -> Count:
    calls, right = _figures(entry, 2).tolist()
    if right > calls:
        raise ValueError("more right persons than conversations")
    return Count(calls, right)


def _read_pace(entry: object) -> Pace:
    calls, seconds = _figures(entry, 2).tolist()
    return Pace(calls, seconds)
