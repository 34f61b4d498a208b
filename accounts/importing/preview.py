"""What a file holds and what would be made of it, before anything is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from accounts.importing.columns import map_columns
from accounts.importing.reader import open_source
from accounts.importing.rows import CheckedRow, RowError, check_row

_LOOKED_AT: Final = 1000


@dataclass(frozen=True, slots=True)
class Preview:
    """The beginning of a file.

    Attributes:
        columns: field to the header it was found under.
        unused: headers nothing is read from.
        sample: the first rows as they are, keyed by header.
        looked_at: rows checked, `good` of them without an error.
        errors: the first errors.
    """

    columns: Mapping[str, str]
    unused: Sequence[str]
    sample: Sequence[Mapping[str, str]]
    looked_at: int
    good: int
    errors: Sequence[RowError]


def preview(
    path: Path, told: Mapping[str, str] | None = None, region: str = "US", encoding: str | None = None, rows: int = 5
) -> Preview:
    """Check the first thousand rows of a file; the store is not touched.

    Raises:
        ImportRefusedError: the file cannot be imported as a whole.
    """
    source = open_source(path, encoding)
    columns = map_columns(source.header, told)
    looked = list(islice(source.rows(), _LOOKED_AT))
    checked = [check_row(number, cells, columns, source.header, region) for number, cells in looked]
    errors = [error for found in checked if not isinstance(found, CheckedRow) for error in found]
    used = set(columns.values())
    return Preview(
        columns={field.value: source.header[position] for field, position in columns.items()},
        unused=[text for position, text in enumerate(source.header) if position not in used],
        sample=[dict(zip(source.header, cells, strict=False)) for _number, cells in looked[:rows]],
        looked_at=len(checked),
        good=sum(isinstance(found, CheckedRow) for found in checked),
        errors=errors[:20],
    )
