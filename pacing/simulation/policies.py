"""Policies by name, as the command line and the benchmark ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.mode import Mode
from pacing.settings import PacingSettings, SettingsError
from pacing.simulation.baselines import FixedRatio, Issabel, MeanMatching, PowerOnIdle
from pacing.simulation.policy import EVERY_TEAM, Policy, Production
from pacing.simulation.vicidial import LevelSettings, Method, Vicidial

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

    def number(self, fallback: float | None = None) -> float:
        figure = self.figure if self.figure is not None else fallback
        if figure is None:
            raise PolicyError(f"policy {self.name} needs a figure, as {self.name}:2")
        return figure


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
    name, _, rest = text.partition(":")
    figure: float | None = None
    named: dict[str, float] = {}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        try:
            number = float(value if equals else key)
        except ValueError as error:
            raise PolicyError(f"policy {text!r}: {part!r} is not a figure") from error
        if not -1e6 < number < 1e6:
            raise PolicyError(f"policy {text!r}: {part!r} is out of range")
        if equals:
            named[key] = number
        else:
            figure = number
    return _Options(name, figure, named)


def _make(options: _Options) -> Policy:
    match options.name:
        case "predictive":
            release = bool(options.take("release").named.get("release", 0))
            return Production("predictive", PacingSettings(mode=Mode.PREDICTIVE, release_ringing=release))
        case "progressive" | "preview":
            options.take()
            settings = PacingSettings(mode=Mode(options.name))
            return Production(options.name, settings, tick_s=5.0, events_up_to=EVERY_TEAM)
        case "ratio":
            ratio = options.take().number()
            return Production(f"ratio:{ratio:g}", PacingSettings(mode=Mode.POWER, ratio=ratio))
        case "power":
            return PowerOnIdle(options.take().number())
        case "fixed":
            return FixedRatio(options.take().number())
        case "issabel":
            return Issabel(options.take().number(0.7))
        case "eis":
            options.take()
            return MeanMatching(options.number(0.0), adapts=options.figure is None)
        case "vicidial-ratio":
            named = options.take("available_only").named
            level = max(options.number(), 1.0)
            return Vicidial(LevelSettings(Method.RATIO), level, available_only=bool(named.get("available_only", 0)))
        case "vicidial-hard" | "vicidial-tapered" | "vicidial-average":
            return _adaptive(options.take("max", "available_only", "latest", "difference", "intensity"))
        case _:
            raise PolicyError(f"no policy {options.name!r}; there are: {'; '.join(KNOWN)}")


def _adaptive(options: _Options) -> Vicidial:
    named = options.named
    levels = LevelSettings(
        method=Method(options.name.removeprefix("vicidial-")),
        target_difference=int(named.get("difference", 0)),
        intensity=int(named.get("intensity", 0)),
        maximum=named.get("max", 3.0),
        latest_hhmm=int(named.get("latest", 1700)),  # the end of the simulated 9-to-5 day
    )
    return Vicidial(levels, available_only=bool(named.get("available_only", 0)))
