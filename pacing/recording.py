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
from pacing.forecast import AGE_BINS, ELAPSED_BINS, PACES, Forecast, from_jsonable, to_jsonable
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
                    yield line.rstrip("\n") + "\n", decision_line(decide(snapshot))
                case _:
                    raise RecordingError(f"line {number} of the recording: neither forecast, snapshot nor decision")
        except RecursionError as error:
            raise RecordingError(f"line {number} of the recording cannot be read: it is nested too deeply") from error
        except (KeyError, TypeError, ValueError, OverflowError) as error:
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
