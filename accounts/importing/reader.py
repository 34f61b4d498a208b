"""Reading a CSV file from outside: encoding, size, delimiter and shape are checked before a row is believed."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from accounts.errors import ImportRefusedError

MAX_BYTES: Final = 1 << 30
MAX_ROWS: Final = 2_000_000
_HEAD: Final = 65_536
_DELIMITERS: Final = ",;\t|"


@dataclass(frozen=True, slots=True)
class Source:
    """A file that looks like CSV, opened once and found readable."""

    path: Path
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    sha256: str

    def rows(self) -> Iterator[tuple[int, Sequence[str]]]:
        """Row numbers as a spreadsheet shows them, and cells; empty rows are left out.

        Raises:
            ImportRefusedError: the file cannot be read to its end.
        """
        with _complaining(), self.path.open(encoding=self.encoding, newline="") as lines:
            reader = csv.reader(lines, delimiter=self.delimiter)
            number = 1
            try:
                next(reader)
                for number, cells in enumerate(reader, start=2):
                    if number > MAX_ROWS:
                        raise ImportRefusedError(f"more than {MAX_ROWS:,} rows; split the file")
                    if any(cell.strip() for cell in cells):
                        yield number, cells
            except csv.Error as error:
                raise ImportRefusedError(
                    f"row {number + 1} cannot be read as CSV ({error}); is a quotation mark left open?"
                ) from error


def open_source(path: Path, encoding: str | None = None) -> Source:
    """Look at a file before importing it.

    Args:
        encoding: only where it is neither UTF-8 nor UTF-16 with a mark, as `cp1252`.

    Raises:
        ImportRefusedError: it is not there, not readable, empty, too big, or not text in that encoding.
    """
    with _complaining():
        if not path.is_file():
            raise ImportRefusedError("there is no such file, or it is not a file; check the path")
        size = path.stat().st_size
        if size == 0:
            raise ImportRefusedError("the file is empty")
        if size > MAX_BYTES:
            raise ImportRefusedError(f"the file has {size:,} bytes, more than {MAX_BYTES:,}; split it")
        with path.open("rb") as raw:
            head = raw.read(_HEAD)
            raw.seek(0)
            digest = hashlib.file_digest(raw, "sha256").hexdigest()
        chosen = encoding or _encoding(head)
        try:
            with path.open(encoding=chosen, newline="") as lines:
                first = lines.readline(_HEAD)
                delimiter = max(_DELIMITERS, key=first.count)
                lines.seek(0)
                header = next(csv.reader(lines, delimiter=delimiter), [])
        except LookupError as error:
            raise ImportRefusedError(f"{chosen!r} is no encoding; try utf-8 or cp1252") from error
        except csv.Error as error:
            raise ImportRefusedError(f"the first row cannot be read as CSV ({error})") from error
    names = tuple(cell.strip().lstrip("\ufeff") for cell in header)
    if not any(names):
        raise ImportRefusedError("the first row holds no column names")
    return Source(path, chosen, delimiter, names, digest)


def _encoding(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" in head:
        raise ImportRefusedError("the file holds NUL bytes: it is no CSV text; export it again as CSV UTF-8")
    return "utf-8-sig"


@contextmanager
def _complaining() -> Iterator[None]:
    """Turn what the operating system and the decoder say into one line."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise ImportRefusedError(
            f"the file is not {error.encoding} text (byte {error.start:,} of a block); save it as CSV UTF-8, "
            "or name its encoding, as cp1252"
        ) from error
    except UnicodeError as error:
        raise ImportRefusedError("the file is not text in its encoding; save it as CSV UTF-8") from error
    except OSError as error:
        raise ImportRefusedError(f"the file cannot be read: {error.strerror or error}") from error
