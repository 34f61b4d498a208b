"""What is expected of lines and agents, as tables that a decision reads without computing anything.

All tables share one grid of look-ahead times `u`: instants, seconds from now, at which a person reached by a line
dialed now would need an agent, each with the weight of its share of such persons. Estimators rebuild the tables every
so often; between rebuilds they are constant, so a recording names each version once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

AGE_STEP_S: Final = 0.5
"""Resolution of line ages."""
AGE_BINS: Final = 160
"""Line ages are told apart up to 80 s; older lines count as that old."""
_FINE: Final = 60
"""Up to one minute, elapsed talk and wrap times are told apart by the second; above, by 5 %."""
_GROWTH: Final = math.log(1.05)
ELAPSED_BINS: Final = 60 + 100
PACES: Final = (0.5, 0.7071, 1.0, 1.4142, 2.0)
"""Classes of agents' own pace: talk and wrap times as multiples of the team's."""


@dataclass(frozen=True, slots=True, eq=False)
class RouteForecast:
    """Ring times of one route. Rows are line ages, columns the look-ahead grid.

    Attributes:
        arriving: share of the persons who will need an agent within each u, not answered yet at this age
            (of all persons the route reaches).
        unanswered: share of persons who have not answered at this age.
        other: share of the dials that reach no person and are not over at this age.
        person: of what answers at this age, the odds factor person : machine (multiply by p / (1 - p)).
    """

    arriving: Floats
    unanswered: Floats
    other: Floats
    person: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Ring, talk and wrap forecasts on one grid of look-ahead times.

    Attributes:
        version: counts rebuilds.
        grid: look-ahead times u in seconds, ascending.
        weight: share of a new line's persons who need an agent around each u; sums to 1.
        slack_s: how long after needing an agent a person can be kept: grace less verdict lag and bridge time.
        talk_busy: [pace, elapsed, u] chance that an agent who talks for `elapsed` is not free by u + slack.
        wrap_busy: the same for an agent in wrap-up.
        handle_s: mean talk and wrap time together.
        routes: ring times by route name; "" is what every unknown route gets.
    """

    version: int
    grid: Floats
    weight: Floats
    slack_s: float
    talk_busy: Floats
    wrap_busy: Floats
    handle_s: float
    routes: Mapping[str, RouteForecast]

    def route(self, name: str) -> RouteForecast:
        """The named route's ring times, or those of all routes together."""
        return self.routes.get(name) or self.routes[""]


def elapsed_bin(elapsed: float) -> int:
    """Row of `talk_busy` and `wrap_busy` for an elapsed time in seconds."""
    if not elapsed >= _FINE:
        return int(elapsed) if elapsed > 0.0 else 0
    return int(min(_FINE + math.log(elapsed / _FINE) / _GROWTH, ELAPSED_BINS - 1))


def elapsed_bins(elapsed: Floats) -> Ints:
    """The same for a column of times."""
    coarse = _FINE + (np.log(np.maximum(elapsed, _FINE) / _FINE) / _GROWTH)
    rows = np.where(elapsed < _FINE, np.maximum(elapsed, 0.0), coarse)
    return np.minimum(rows, ELAPSED_BINS - 1).astype(np.intp)


def elapsed_bin_start(row: int) -> float:
    """Elapsed seconds at which a row of the tables begins."""
    return float(row) if row < _FINE else _FINE * math.exp((row - _FINE) * _GROWTH)


def age_bins(ages: Floats) -> Ints:
    """Rows of a route's tables for line ages in seconds."""
    return np.minimum(np.maximum(ages, 0.0) / AGE_STEP_S, AGE_BINS - 1).astype(np.intp)


def age_bin(age: float) -> int:
    """Row of a route's tables for one line's age in seconds."""
    return min(int(max(age, 0.0) / AGE_STEP_S), AGE_BINS - 1)


def pace_class(pace: float) -> int:
    """The class of an agent's own pace nearest to `pace`."""
    logged = math.log(min(max(pace, 0.1), 10.0))
    return min(range(len(PACES)), key=lambda i: abs(logged - math.log(PACES[i])))


def to_jsonable(forecast: Forecast) -> dict[str, object]:
    """The forecast as plain lists and numbers; exact."""
    return {
        "version": forecast.version,
        "grid": forecast.grid.tolist(),
        "weight": forecast.weight.tolist(),
        "slack_s": forecast.slack_s,
        "talk_busy": forecast.talk_busy.tolist(),
        "wrap_busy": forecast.wrap_busy.tolist(),
        "handle_s": forecast.handle_s,
        "routes": {
            name: [route.arriving.tolist(), route.unanswered.tolist(), route.other.tolist(), route.person.tolist()]
            for name, route in forecast.routes.items()
        },
    }


def from_jsonable(version: int, numbers: Mapping[str, Any], routes: Mapping[str, list[object]]) -> Forecast:
    """The inverse of `to_jsonable`, its parts already told apart by the reader."""
    arrays = {name: np.array(values, dtype=np.float64) for name, values in numbers.items()}
    return Forecast(
        version=version,
        grid=arrays["grid"],
        weight=arrays["weight"],
        slack_s=float(arrays["slack_s"]),
        talk_busy=arrays["talk_busy"],
        wrap_busy=arrays["wrap_busy"],
        handle_s=float(arrays["handle_s"]),
        routes={
            name: RouteForecast(*(np.array(part, dtype=np.float64) for part in parts)) for name, parts in routes.items()
        },
    )
