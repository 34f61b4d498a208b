"""Whether the forecast means what it says: predicted chances to meet no agent, against what came of them.

Each answered line was dialed with a predicted chance q. Lines dialed later may be answered first, so on a working floor
one to two times as many are abandoned as were predicted. Three times as many, or a third, means that the forecast is
broken; when it is too rosy, theta is halved until it is right again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

BOUNDS: Final = (0.0025, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.06)
"""Upper bounds of the bands of q told apart; the last band is open."""
HALF_LIFE_ANSWERS: Final = 500.0
JUDGED_FROM: Final = 300.0
LOW: Final = 1.0 / 3.0
HIGH: Final = 3.0
_KEEP: Final = 0.5 ** (1.0 / HALF_LIFE_ANSWERS)


@dataclass(frozen=True, slots=True)
class Band:
    """Answers whose q lay in one band: how many, how many abandoned were predicted, how many there were."""

    answers: float
    predicted: float
    abandoned: float


@dataclass(slots=True)
class Calibration:
    """Fading counts by band of q."""

    bands: list[Band] = field(default_factory=lambda: [Band(0.0, 0.0, 0.0)] * (len(BOUNDS) + 1))

    def answered(self, q: float, *, abandoned: bool) -> None:
        """A line dialed at this q was answered by a person."""
        hit = next((i for i, bound in enumerate(BOUNDS) if q < bound), len(BOUNDS))
        self.bands = [
            Band(
                band.answers * _KEEP + (i == hit),
                band.predicted * _KEEP + (q if i == hit else 0.0),
                band.abandoned * _KEEP + (abandoned and i == hit),
            )
            for i, band in enumerate(self.bands)
        ]

    def ratio(self) -> float | None:
        """Abandoned over predicted; None while too little is known."""
        answers, predicted, abandoned = totals(self.bands)
        if answers < JUDGED_FROM or predicted <= 0.0:
            return None
        return abandoned / predicted

    def broken(self) -> bool:
        """Whether the forecast is out by more than a factor of three, beyond chance."""
        ratio = self.ratio()
        if ratio is None:
            return False
        _, predicted, abandoned = totals(self.bands)
        # Counts of rare events scatter by their root: two of those must separate the two figures.
        return not LOW <= ratio <= HIGH and abs(abandoned - predicted) > 2.0 * max(abandoned, predicted, 1.0) ** 0.5


def totals(bands: Sequence[Band]) -> tuple[float, float, float]:
    """Answers, predicted and abandoned of all bands together."""
    return (
        sum(band.answers for band in bands),
        sum(band.predicted for band in bands),
        sum(band.abandoned for band in bands),
    )
