"""The file that lists what could not be imported, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from accounts.errors import ImportRefusedError
from accounts.importing.rows import RowError

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
_HEADER: Final = ("row", "column", "value", "what is wrong", "what to do")


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection), on one line."""
    line = " ".join(cell.splitlines())
    return f"'{line}" if line.startswith(_FORMULA) or cell.startswith(_FORMULA) else line


class ErrorsFile:
    """Written beside its place and moved there when complete; removed when there is nothing to say.

    Attributes:
        keep: move it to its place even if the import fails from here on.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._file = _open_private(self._part)
        self._rows = csv.writer(self._file)
        self._rows.writerow(_HEADER)
        self.count = 0
        self.keep = False

    def __enter__(self) -> Self:
        return self

    def add(self, error: RowError) -> None:
        """Write one line."""
        self._rows.writerow([error.row, harmless(error.column), harmless(error.value), error.what, error.what_to_do])
        self.count += 1

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self.count and (kind is None or self.keep):
            self._part.replace(self._path)
        else:
            self._part.unlink(missing_ok=True)


def _open_private(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ImportRefusedError(
            f"the errors file cannot be written ({error.strerror}); choose another place for it"
        ) from error
    return os.fdopen(handle, "w", encoding="utf-8", newline="")
