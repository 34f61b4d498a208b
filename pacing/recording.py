"""Snapshots and decisions as lines of JSON, exact to the last bit, so that a recorded decision can be taken again.

A recording holds one object a line: first `{"recording": {"format": 1, "policy": ...}}`, then `{"forecast": ...}`
whenever new tables came into use, and pairs of `{"snapshot": ...}` and `{"decision": ...}`. Numbers are written so that
reading gives the same floats. A recording without the first line is one of the engine's own decisions.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import lru_cache
from typing import Final

from pacing.controller import decide
from pacing.decision import PacingDecision
from pacing.forecast import AGE_BINS, ELAPSED_BINS, PACES, Forecast, from_jsonable, to_jsonable
from pacing.snapshot import FloorSnapshot

FORMAT: Final = 1
"""Of recordings; another one is not read."""
Decide = Callable[[FloorSnapshot], PacingDecision]


class RecordingError(ValueError):
    """A line of a recording cannot be read; the message says which and why."""


@dataclasses.dataclass(slots=True)
class Recorder:
    """Turns what a loop sees and decides into lines.

    Attributes:
        write: takes each line.
        policy: name of who decides, by which a replay makes the same one again; "" for the engine's own rule.
        version: of the forecast written last.
    """

    write: Callable[[str], object]
    policy: str = ""
    version: int | None = None

    def __post_init__(self) -> None:
        if self.policy:
            self.write(_dump({"recording": {"format": FORMAT, "policy": self.policy}}))

    def __call__(self, snapshot: FloorSnapshot, decision: PacingDecision) -> None:
        forecast = snapshot.forecast
        if forecast is not None and forecast.version != self.version:
            self.version = forecast.version
            self.write(_dump({"forecast": to_jsonable(forecast)}))
        self.write(_dump({"snapshot": _plain(snapshot)}))
        self.write(decision_line(decision))


def decision_line(decision: PacingDecision) -> str:
    """One decision as a line."""
    return _dump({"decision": _plain(decision)})


def replay(lines: Iterable[str], decider: Callable[[str], Decide] | None = None) -> Iterator[tuple[str, str]]:
    """Take every recorded decision again; yields pairs of the recorded line and the line it gives now.

    Snapshots are put to one fresh decider in the order in which they were recorded: one that remembers what it has seen
    comes to the same decisions as the first time, if the recording is whole.

    Args:
        lines: the recording.
        decider: makes the decider a recording names; without it, only the engine's own decisions are taken again.

    Raises:
        RecordingError: a line is not of a recording, or names a decider that there is not.
    """
    again: Decide = decide
    forecast: Forecast | None = None
    snapshot: FloorSnapshot | None = None
    for number, line in enumerate(lines, start=1):
        try:
            match json.loads(line):
                case {"recording": dict(header)}:
                    again = _decider(header, number, decider)
                case {"forecast": {"version": int(version), "routes": dict(routes), **tables}}:
                    forecast = _sound(
                        from_jsonable(
                            version,
                            typing.cast("dict[str, object]", tables),
                            typing.cast("dict[str, list[object]]", routes),
                        )
                    )
                case {"snapshot": dict(fields)}:
                    snapshot = typing.cast("FloorSnapshot", _read(FloorSnapshot, fields, forecast))
                case {"decision": _}:
                    if snapshot is None:
                        raise RecordingError(f"line {number} of the recording: a decision without its snapshot")
                    yield line.rstrip("\n") + "\n", decision_line(again(snapshot))
                case _:
                    raise RecordingError(f"line {number} of the recording: neither forecast, snapshot nor decision")
        except RecursionError as error:
            raise RecordingError(f"line {number} of the recording cannot be read: it is nested too deeply") from error
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise RecordingError(f"line {number} of the recording cannot be read: {error}") from error


def _decider(header: dict[str, object], number: int, decider: Callable[[str], Decide] | None) -> Decide:
    """Who decides by the first line of a recording."""
    if number != 1:
        raise RecordingError("a recording begins here, in the middle of another: replay them one by one")
    if header.get("format") != FORMAT:
        raise RecordingError(f"it has format {header.get('format')!r:.40}, and only format {FORMAT} can be read")
    policy = header.get("policy")
    if not isinstance(policy, str):
        raise RecordingError("it does not say whose decisions it holds")
    if decider is None:
        raise RecordingError(f"it holds decisions of {policy!r:.80}, which cannot be taken again here")
    return decider(policy)


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False) + "\n"


def _plain(value: object) -> object:
    """A value as JSON knows it; the forecast by its version alone."""
    match value:
        case Forecast():
            return value.version
        case StrEnum():
            return value.value
        case frozenset():
            return sorted(value)
        case tuple():
            return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return value


def _sound(forecast: Forecast) -> Forecast:
    """The forecast, if its tables have the shape that decisions look things up in."""
    times = len(forecast.grid)
    whole = {"grid": forecast.grid, "weight": forecast.weight}
    busy = {"talk_busy": forecast.talk_busy, "wrap_busy": forecast.wrap_busy}
    wanted = {
        **dict.fromkeys(whole, (times,)),
        **dict.fromkeys(busy, (len(PACES), ELAPSED_BINS, times)),
    }
    found = {name: table.shape for name, table in (whole | busy).items()}
    for name, route in forecast.routes.items():
        for part in ("unanswered", "other", "person"):
            wanted[f"{name}.{part}"], found[f"{name}.{part}"] = (AGE_BINS,), getattr(route, part).shape
        wanted[f"{name}.arriving"], found[f"{name}.arriving"] = (AGE_BINS, times), route.arriving.shape
    for name, shape in wanted.items():
        if found[name] != shape:
            raise RecordingError(f"table {name} of the forecast has shape {found[name]} instead of {shape}")
    if "" not in forecast.routes:
        raise RecordingError("the forecast lacks the ring times of all routes together")
    return forecast


@lru_cache(maxsize=32)
def _types(kind: Callable[..., object]) -> dict[str, object]:
    return typing.get_type_hints(kind)


def _read(kind: Callable[..., object], fields: dict[str, object], forecast: Forecast | None) -> object:
    """Build a dataclass from its fields."""
    hints = _types(kind)
    unknown = sorted(fields.keys() - hints.keys())
    if unknown:
        raise RecordingError(f"unknown field {unknown[0]!r}")
    return kind(**{name: _value(hints[name], value, forecast, name) for name, value in fields.items()})


def _value(hint: object, value: object, forecast: Forecast | None, name: str) -> object:
    """A field's value as its type says, or an error that names the field."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in {types.UnionType, typing.Union}:
        inner = next(arg for arg in args if arg is not types.NoneType)
        return None if value is None else _value(inner, value, forecast, name)
    if hint is Forecast:
        if forecast is None or forecast.version != value:
            raise RecordingError(f"the tables of forecast {value!r:.40} are missing")
        return forecast
    match value:
        case list() if origin is tuple:
            return tuple(_value(args[0], item, forecast, name) for item in value)
        case list() if origin is frozenset:
            return frozenset(_value(args[0], item, forecast, name) for item in value)
        case dict() if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            return _read(hint, value, forecast)
        case str() if isinstance(hint, type) and issubclass(hint, StrEnum):
            return hint(value)
        case bool() | int() | float() | str() if _is_plain(hint, value):
            return value
        case _:
            raise RecordingError(f"{name} cannot be {json.dumps(value):.40}")


def _is_plain(hint: object, value: bool | float | str) -> bool:
    """Whether the value is of the simple type asked for; whole numbers are numbers, truth values are not."""
    plain = getattr(hint, "__supertype__", hint)
    if isinstance(value, bool) or plain is bool:
        return isinstance(value, bool) and plain is bool
    if plain is float and isinstance(value, int | float):
        float(value)  # a whole number can be too large to be calculated with
        return True
    return isinstance(plain, type) and isinstance(value, plain)
