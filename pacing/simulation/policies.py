"""Policies by name, as the command line and the benchmark ask for them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.mode import Mode
from pacing.settings import PacingSettings, SettingsError
from pacing.simulation.baselines import FixedRatio, Issabel, MeanMatching, PowerOnIdle
from pacing.simulation.policy import EVERY_TEAM, Policy, Production
from pacing.simulation.vicidial import END_OF_DAY_HHMM, LevelSettings, Method, Vicidial

KNOWN: Final = (
    "predictive[:release=1]",
    "progressive",
    "preview",
    "ratio:R",
    "power:R",
    "fixed:R",
    "eis[:knob]",
    "issabel[:share]",
    "vicidial-ratio:LEVEL[,available_only=1]",
    "vicidial-hard | -tapered | -average[:max=LEVEL,available_only=1,latest=HHMM,difference=N,intensity=N]",
)


MOST_LINES: Final = 100.0
"""Lines per agent, or dial level, beyond which no floor is dialed."""
KNOB_RANGE: Final = (-20.0, 600.0)
"""Of EIS: next to no lines, to ten minutes ahead."""


class PolicyError(ValueError):
    """No such policy, or an option it does not have; the message lists what there is."""


@dataclass(frozen=True, slots=True)
class _Options:
    """What follows the colon: one bare figure, and name=value pairs."""

    name: str
    figure: float | None
    named: Mapping[str, float]

    def take(self, *known: str) -> _Options:
        for option in self.named:
            if option not in known:
                raise PolicyError(f"policy {self.name} has no option {option!r}; it knows {list(known)}")
        return self

    def bare(self, *known: str) -> _Options:
        """The same for a policy that has no knob."""
        if self.figure is not None:
            raise PolicyError(f"policy {self.name} takes no figure: leave {self.figure:g} out")
        return self.take(*known)

    def number(self, low: float, high: float, fallback: float | None = None) -> float:
        """The bare figure."""
        figure = self.figure if self.figure is not None else fallback
        if figure is None:
            raise PolicyError(f"policy {self.name} needs a figure, as {self.name}:2")
        return self._within("its figure", figure, low, high)

    def option(self, option: str, low: float, high: float, fallback: float) -> float:
        return self._within(option, self.named.get(option, fallback), low, high)

    def whole(self, option: str, low: int, high: int, fallback: int = 0) -> int:
        value = self.option(option, low, high, fallback)
        if value != int(value):
            raise PolicyError(f"policy {self.name}: {option} is {value:g}, and must be a whole number")
        return int(value)

    def flag(self, option: str) -> bool:
        return self.whole(option, 0, 1) == 1

    def _within(self, what: str, value: float, low: float, high: float) -> float:
        if not low <= value <= high:
            raise PolicyError(f"policy {self.name}: {what} is {value:g}, and must lie from {low:g} up to {high:g}")
        return value


def policy_named(text: str) -> Policy:
    """Make the policy that `text` names, as `power:1.5` or `vicidial-average:max=2.4,available_only=1`.

    Raises:
        PolicyError: unknown name, unknown option or a figure out of range.
    """
    options = _parse(text)
    try:
        return _make(options)
    except SettingsError as error:
        raise PolicyError(f"policy {text!r}: {error}") from error


def _parse(text: str) -> _Options:
    name, colon, rest = text.partition(":")
    figure: float | None = None
    named: dict[str, float] = {}
    for part in rest.split(",") if colon else ():
        key, equals, value = part.partition("=")
        try:
            number = float(value if equals else key)
        except ValueError as error:
            raise PolicyError(f"policy {text!r}: {part!r} is not a figure") from error
        if not math.isfinite(number):
            raise PolicyError(f"policy {text!r}: {part!r} is out of range")
        if key in named if equals else figure is not None:
            raise PolicyError(f"policy {text!r}: {part!r} comes after another such figure; give one")
        if equals:
            named[key] = number
        else:
            figure = number
    return _Options(name, figure, named)


def _make(options: _Options) -> Policy:
    match options.name:
        case "predictive":
            release = options.bare("release").flag("release")
            name = "predictive:release=1" if release else "predictive"
            return Production(name, PacingSettings(mode=Mode.PREDICTIVE, release_ringing=release))
        case "progressive" | "preview":
            options.bare()
            settings = PacingSettings(mode=Mode(options.name))
            return Production(options.name, settings, tick_s=5.0, events_up_to=EVERY_TEAM)
        case "ratio":
            ratio = options.take().number(0.0, MOST_LINES)
            return Production(f"ratio:{ratio:g}", PacingSettings(mode=Mode.POWER, ratio=ratio))
        case "power":
            return PowerOnIdle(options.take().number(0.0, MOST_LINES))
        case "fixed":
            return FixedRatio(options.take().number(0.0, MOST_LINES))
        case "issabel":
            return Issabel(options.take().number(0.0, 1.0, 0.7))
        case "eis":
            options.take()
            return MeanMatching(options.number(*KNOB_RANGE, 0.0), adapts=options.figure is None)
        case "vicidial-ratio":
            level = options.take("available_only").number(0.0, MOST_LINES)
            return Vicidial(LevelSettings(Method.RATIO), level, available_only=options.flag("available_only"))
        case "vicidial-hard" | "vicidial-tapered" | "vicidial-average":
            return _adaptive(options.bare("max", "available_only", "latest", "difference", "intensity"))
        case _:
            raise PolicyError(f"no policy {options.name!r}; there are: {'; '.join(KNOWN)}")


def _adaptive(options: _Options) -> Vicidial:
    latest = options.whole("latest", 0, 2359, END_OF_DAY_HHMM)
    if latest % 100 > 59:
        raise PolicyError(f"policy {options.name}: latest is {latest:04d}, and must be a time of day as 1730")
    levels = LevelSettings(
        method=Method(options.name.removeprefix("vicidial-")),
        target_difference=options.whole("difference", -40, 40),
        intensity=options.whole("intensity", -40, 40),
        maximum=options.option("max", 1.0, MOST_LINES, 3.0),
        latest_hhmm=latest,
    )
    return Vicidial(levels, available_only=options.flag("available_only"))
