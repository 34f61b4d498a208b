"""National do-not-call files: hundreds of millions of numbers in one mapped file, looked up without false answers.

Numbers of +1 are one bit each, at the place their digits name: 800 area codes by 800 exchanges by 10,000 lines, 800 MB,
and as the file is sparse a short list takes little of it. Numbers of other countries follow as a sorted array. A
file is built in memory, written beside its target and moved there when it is whole: a reader meets the old list or the
new one.

    line of a source file: 2125550147, 212,5550147, +12125550147, 12125550147, or +442079460123
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

_MAGIC: Final = "fairdial-dnc-1"
_HEAD: Final = 4096
_LINES: Final = 10_000
_BITMAP: Final = 800 * 800 * _LINES // 8
_CHUNK: Final = 48 << 20
_PAGE_BITS: Final = 20
_PAGE: Final = 1 << _PAGE_BITS - 3

Indices = NDArray[np.int64]


class DncError(ValueError):
    """A do-not-call file cannot be read or built: which file and line, and what is wanted."""


@dataclass(frozen=True, slots=True, eq=False)
class DncFile:
    """A mapped list.

    Attributes:
        file_date: day the registry issued it; the 31 days count from here.
        count: distinct numbers.
    """

    path: Path
    file_date: date
    count: int
    _bits: NDArray[np.uint8]
    _others: NDArray[np.uint64]

    def __contains__(self, e164: str) -> bool:
        digits = e164.removeprefix("+")
        if not digits.isdecimal():
            return False
        if digits.startswith("1"):
            place = _index(int(digits[1:])) if len(digits) == 11 else -1
            return place >= 0 and bool(self._bits[place >> 3] >> (place & 7) & 1)
        found = int(np.searchsorted(self._others, np.uint64(digits)))
        return found < len(self._others) and int(self._others[found]) == int(digits)

    def contains_national(self, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of many ten-digit numbers of +1 (as integers, 2125550147) are on the list."""
        places = _indices(numbers)
        known = places >= 0  # the others, at -1, read the last byte in vain
        set_bits = self._bits[places >> 3] >> (places & 7).astype(np.uint8) & 1
        return np.asarray(known & (set_bits == 1), dtype=np.bool_)

    def contains_foreign(self, numbers: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which of many numbers of other countries (all digits, as integers) are on the list."""
        if len(self._others) == 0:
            return np.zeros(len(numbers), dtype=np.bool_)
        places = np.minimum(np.searchsorted(self._others, numbers), len(self._others) - 1)
        return np.asarray(self._others[places] == numbers, dtype=np.bool_)


def open_list(path: Path) -> DncFile:
    """Map a built list; reads only its head.

    Raises:
        DncError: not a list of this version, or cut short.
    """
    try:
        with path.open("rb") as handle:
            head = json.loads(handle.read(_HEAD).rstrip(b"\0"))
        if head["magic"] != _MAGIC:
            raise KeyError("magic")
        others = int(head["others"])
        if path.stat().st_size != _HEAD + _BITMAP + 8 * others:
            raise DncError(f"{path}: cut short; build it again")
        bits = np.memmap(path, dtype=np.uint8, mode="r", offset=_HEAD, shape=(_BITMAP,))
        foreign: NDArray[np.uint64] = np.zeros(0, dtype=np.uint64)
        if others:
            foreign = np.memmap(path, dtype=np.uint64, mode="r", offset=_HEAD + _BITMAP, shape=(others,))
        return DncFile(path, date.fromisoformat(head["file_date"]), int(head["count"]), bits, foreign)
    except OSError as error:
        raise DncError(f"{path}: cannot be opened: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, DncError):
            raise
        raise DncError(f"{path}: not a do-not-call list built by this program; build it again") from error


def build(
    sources: Iterable[Path],
    target: Path,
    file_date: date,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Build a list from text files; the target changes only when all of it is written.

    Args:
        sources: files with one number a line.
        target: where the list goes.
        file_date: day the registry issued the files.
        progress: told the bytes read so far.

    Returns:
        How many distinct numbers it holds.

    Raises:
        DncError: a line is no number (file and line), or the disk is full.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=target.name, suffix=".part", dir=target.parent)
        os.close(handle)
        part = Path(name)
        try:
            os.truncate(part, _HEAD + _BITMAP)
            count = _write(sources, part, file_date, progress)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise DncError(f"{target}: cannot be built: {error.strerror}") from error
    return count


def _write(sources: Iterable[Path], part: Path, file_date: date, progress: Callable[[int], None]) -> int:
    bits = np.zeros(_BITMAP, dtype=np.uint8)  # pages come into being as they are touched
    foreign: list[NDArray[np.uint64]] = []
    touched = np.zeros((_BITMAP * 8 >> _PAGE_BITS) + 1, dtype=np.bool_)
    done = 0
    for source in sources:
        for national, others, size in _numbers(source):
            _set(bits, national)
            touched[national >> _PAGE_BITS] = True
            if len(others):
                foreign.append(others)
            done += size
            progress(done)
    others = np.unique(np.concatenate(foreign)) if foreign else np.zeros(0, dtype=np.uint64)
    pages = np.flatnonzero(touched) * _PAGE
    count = len(others) + sum(int(np.bitwise_count(bits[at : at + _PAGE]).sum(dtype=np.int64)) for at in pages)
    head = {"magic": _MAGIC, "file_date": file_date.isoformat(), "count": count, "others": len(others)}
    with part.open("r+b") as handle:
        handle.write(json.dumps(head).encode().ljust(_HEAD, b"\0"))
        for at in pages:  # the rest of the file stays a hole
            handle.seek(_HEAD + int(at))
            handle.write(bits[at : at + _PAGE].tobytes())
        handle.seek(_HEAD + _BITMAP)
        handle.write(others.tobytes())
        handle.flush()
        os.fsync(handle.fileno())
    return count


def _set(bits: NDArray[np.uint8], places: Indices) -> None:
    """Set many bits: sorted, so that each byte is written once."""
    if not len(places):
        return
    places = np.sort(places)
    byte = places >> 3
    mask = np.left_shift(np.uint8(1), (places & 7).astype(np.uint8))
    starts = np.flatnonzero(np.concatenate(([True], byte[1:] != byte[:-1])))
    bits[byte[starts]] |= np.bitwise_or.reduceat(mask, starts)


# --- reading ---------------------------------------------------------------------------------------------------------


def _numbers(source: Path) -> Iterator[tuple[Indices, NDArray[np.uint64], int]]:
    """Chunks of a file: places of numbers of +1, other numbers, bytes read."""
    line = 1
    try:
        with source.open("rb") as handle:
            rest = b""
            while chunk := handle.read(_CHUNK):
                text = rest + chunk
                cut = text.rfind(b"\n") + 1
                text, rest = text[:cut], text[cut:]
                if len(rest) > 64:
                    at = line + text.count(b"\n")
                    raise DncError(f"{source}:{at}: a line of a few digits is expected")
                national, others = _parse(text, source, line)
                line += text.count(b"\n")
                yield national, others, len(chunk)
            if rest.strip():
                national, others = _parse(rest + b"\n", source, line)
                yield national, others, 0
    except OSError as error:
        raise DncError(f"{source}: cannot be read: {error.strerror}") from error


def _parse(text: bytes, source: Path, line: int) -> tuple[Indices, NDArray[np.uint64]]:
    """Numbers of whole lines; lines all of one width are read at once, others one by one."""
    found = _uniform(text)
    if found is not None:
        return found, np.zeros(0, dtype=np.uint64)
    national: list[int] = []
    others: list[int] = []
    for number, row in enumerate(text.split(b"\n")[:-1], start=line):
        plain = row.strip().replace(b",", b"")
        if not plain:
            continue
        digits = plain.removeprefix(b"+")
        if not digits.isdigit() or not 7 <= len(digits) <= 15:
            raise DncError(f"{source}:{number}: a telephone number is expected")
        if plain.startswith(b"+") and not digits.startswith(b"1"):
            others.append(int(digits))
            continue
        ten = digits[1:] if len(digits) == 11 and digits.startswith(b"1") else digits
        place = _index(int(ten)) if len(ten) == 10 else -1
        if place < 0:
            raise DncError(f"{source}:{number}: no possible number of +1; other countries begin with a plus sign")
        national.append(place)
    return np.array(national, dtype=np.int64), np.array(others, dtype=np.uint64)


_SHAPES: Final = {  # width with line end: columns of the ten digits, columns of fixed bytes
    11: (range(10), {10: b"\n"}),
    12: ((0, 1, 2, 4, 5, 6, 7, 8, 9, 10), {3: b",", 11: b"\n"}),
    13: ((0, 1, 2, 4, 5, 6, 7, 8, 9, 10), {3: b",", 11: b"\r", 12: b"\n"}),
}


def _uniform(text: bytes) -> Indices | None:
    """Places of the numbers where every line has one of the usual shapes; None where any has not."""
    width = text.find(b"\n") + 1
    if width not in _SHAPES or len(text) % width:
        return None
    columns, fixed = _SHAPES[width]
    rows = np.frombuffer(text, dtype=np.uint8).reshape(-1, width)
    if any((rows[:, at] != ord(byte)).any() for at, byte in fixed.items()):
        return None
    numbers = np.zeros(len(rows), dtype=np.int64)
    for column in columns:
        digit = rows[:, column] - np.uint8(48)
        if (digit > 9).any():
            return None
        numbers *= 10
        numbers += digit
    places = _indices(numbers)
    return None if (places < 0).any() else places


def _index(number: int) -> int:
    """Place of a number of +1 of ten digits, or one below zero where area code or exchange cannot begin like that."""
    exchange, line = divmod(number, _LINES)
    area, exchange = divmod(exchange, 1000)
    if exchange < 200:
        return -1
    return ((area - 200) * 800 + exchange - 200) * _LINES + line


def _indices(numbers: NDArray[np.int64]) -> Indices:
    exchange, line = np.divmod(numbers, _LINES)
    area, exchange = np.divmod(exchange, 1000)
    places: Indices = ((area - 200) * 800 + exchange - 200) * _LINES + line
    places[(area > 999) | (exchange < 200)] = -1
    return np.maximum(places, -1)
