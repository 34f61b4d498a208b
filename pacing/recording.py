"""Snapshots and decisions as lines of JSON, exact to the last bit, so that a recorded decision can be taken again.

A recording holds one object a line: `{"forecast": ...}` whenever new tables came into use, then pairs of
`{"snapshot": ...}` and `{"decision": ...}`. Numbers are written so that reading gives the same floats.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import lru_cache

from pacing.controller import decide
from pacing.decision import PacingDecision
from pacing.forecast import Forecast, from_jsonable, to_jsonable
from pacing.snapshot import FloorSnapshot


class RecordingError(ValueError):
    """A line of a recording cannot be read; the message says which and why."""


@dataclasses.dataclass(slots=True)
class Recorder:
    """Turns what a loop sees and decides into lines."""

    write: Callable[[str], object]
    version: int | None = None

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


def replay(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Take every recorded decision again; yields pairs of the recorded line and the line it gives now.

    Raises:
        RecordingError: a line is not of a recording.
    """
    forecast: Forecast | None = None
    snapshot: FloorSnapshot | None = None
    for number, line in enumerate(lines, start=1):
        try:
            match json.loads(line):
                case {"forecast": {"version": int(version), "routes": dict(routes), **tables}}:
                    forecast = from_jsonable(
                        version,
                        typing.cast("dict[str, object]", tables),
                        typing.cast("dict[str, list[object]]", routes),
                    )
                case {"snapshot": dict(fields)}:
                    snapshot = typing.cast("FloorSnapshot", _read(FloorSnapshot, fields, forecast))
                case {"decision": _}:
                    if snapshot is None:
                        raise RecordingError(f"line {number} of the recording: a decision without its snapshot")
                    yield line.rstrip("\n") + "\n", decision_line(decide(snapshot))
                case _:
                    raise RecordingError(f"line {number} of the recording: neither forecast, snapshot nor decision")
        except (KeyError, TypeError, ValueError) as error:
            raise RecordingError(f"line {number} of the recording cannot be read: {error}") from error


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


@lru_cache(maxsize=32)
def _types(kind: Callable[..., object]) -> dict[str, object]:
    return typing.get_type_hints(kind)


def _read(kind: Callable[..., object], fields: dict[str, object], forecast: Forecast | None) -> object:
    """Build a dataclass from its fields."""
    hints = _types(kind)
    return kind(**{name: _value(hints[name], value, forecast) for name, value in fields.items()})


def _value(hint: object, value: object, forecast: Forecast | None) -> object:
    if value is None:
        return None
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in {types.UnionType, typing.Union}:
        return _value(next(arg for arg in args if arg is not type(None)), value, forecast)
    if hint is Forecast:
        if forecast is None or forecast.version != value:
            raise RecordingError(f"the tables of forecast {value} are missing")
        return forecast
    if isinstance(value, list) and origin is tuple:
        return tuple(_value(args[0], item, forecast) for item in value)
    if isinstance(value, list):
        return frozenset(str(item) for item in value)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint(str(value))
    if isinstance(hint, type) and dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return _read(hint, value, forecast)
    return value
