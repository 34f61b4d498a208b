"""Logs: JSON lines with a static message and structured fields, personal values masked, one private file that rotates.

Whatever stands under a key that begins with `pii.` is masked unless the operator switched that off for this run;
nothing else may hold personal data.
"""

from __future__ import annotations

import logging
import os
from collections.abc import MutableMapping
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final

import structlog

_MASK: Final = "•••"
_BYTES: Final = 20_000_000
_KEPT: Final = 10


def configure(folder: Path, *, show_personal: bool = False, to_terminal: bool = False) -> Path:
    """Send the process's logs to `folder`/dialer.jsonl; returns the file.

    Args:
        show_personal: do not mask `pii.` values. For the hour in which a fault is being found, not longer.
        to_terminal: also write to standard error.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "dialer.jsonl"
    handlers: list[logging.Handler] = [_PrivateFile(file, maxBytes=_BYTES, backupCount=_KEPT, encoding="utf-8")]
    if to_terminal:
        handlers.append(logging.StreamHandler())
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=handlers, force=True)
    masking = [] if show_personal else [_mask]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *masking,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )
    return file


class _PrivateFile(RotatingFileHandler):
    """Every file it makes, after a rotation too, is its owner's only."""

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return TextIOWrapper(os.fdopen(descriptor, "ab"), encoding=self.encoding, write_through=True)


def _mask(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in event:
        if key.startswith("pii."):
            event[key] = _MASK
    return event
