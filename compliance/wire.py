"""Facts and decisions as compact JSON for the audit row, and back: equal values give equal bytes, and replay is exact.

This form is complete (nothing is filled in on reading) and differs from the public case format in that.
"""

from __future__ import annotations

import hashlib
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any

from compliance.decision import Decision
from compliance.facts import CallFacts


class WireError(ValueError):
    """The text is not a row this version wrote."""


def facts_json(facts: CallFacts) -> str:
    """The facts, every value that is not the default, in a fixed order."""
    return _dump(facts)


def facts_digest(facts: CallFacts) -> str:
    """SHA-256 of `facts_json`, in hex."""
    return hashlib.sha256(facts_json(facts).encode()).hexdigest()


def decision_json(decision: Decision) -> str:
    """The decision in a fixed order."""
    return _dump(decision)


def facts_from_json(text: str) -> CallFacts:
    """The facts of an audit row.

    Raises:
        WireError: not such a text.
    """
    return _load(text, CallFacts)


def decision_from_json(text: str) -> Decision:
    """The decision of an audit row.

    Raises:
        WireError: not such a text.
    """
    return _load(text, Decision)


def _dump(value: object) -> str:
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _plain(value: object) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(_plain(item) for item in value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if (defaults := _defaults(typing.cast("type", type(value)))) is not None:
        plain = ((name, default, getattr(value, name)) for name, default in defaults)
        return {name: _plain(item) for name, default, item in plain if item != default}
    return str(value)


@cache
def _defaults(kind: type) -> tuple[tuple[str, object], ...] | None:
    """Names and defaults of a dataclass; None for anything else. Looked up once: every call writes such a row."""
    return tuple((field.name, field.default) for field in fields(kind)) if is_dataclass(kind) else None


_T = typing.TypeVar("_T")


def _load(text: str, kind: type[_T]) -> _T:
    try:
        built: _T = _build(json.loads(text), kind)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise WireError(f"not an audit row of {kind.__name__}: {error}") from error
    return built


@lru_cache(maxsize=64)
def _hints(kind: type) -> Mapping[str, Any]:
    return typing.get_type_hints(kind)


def _build(value: Any, kind: Any) -> Any:
    """A value of the annotated type from its plain form."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {types.UnionType, typing.Union}:
        return None if value is None else _build(value, arguments[0])  # written as `X | None` throughout
    if origin is tuple:
        return tuple(_build(item, arguments[0]) for item in value)
    if origin is frozenset:
        return frozenset(_build(item, arguments[0]) for item in value)
    if is_dataclass(kind):
        hints = _hints(typing.cast("type", kind))
        return typing.cast("type", kind)(**{name: _build(item, hints[name]) for name, item in value.items()})
    if kind is datetime or kind is date:
        return kind.fromisoformat(value)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(value)
    if not isinstance(value, kind):
        raise TypeError(f"{kind.__name__} is expected")
    return value
