"""Loading a file: check every row, set the good ones aside in the store, then apply them in short steps.

Nothing is applied before the whole file has been read; a file that fails on the way leaves nothing. Each step is one
transaction of a few tens of milliseconds and dialing goes on between two. Suppressions are applied first. The position
is written with every step, so a crash is taken up by `resume` from the store, without the file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update

from accounts import campaigns
from accounts.errors import ImportRefusedError
from accounts.importing import steps
from accounts.importing.columns import ColumnMap, Field, map_columns
from accounts.importing.errors_file import ErrorsFile
from accounts.importing.reader import Source, open_source
from accounts.importing.rows import CheckedRow, RowError, account_of, check_row
from accounts.importing.steps import Phase
from accounts.places import zone_at, zone_of
from accounts.records import AccountRecord
from accounts.store import Store
from accounts.tables import import_rows, imports
from domain.clock import Clock
from domain.ids import CampaignId

_IMPORTING: Final = "importing"
_RESUMING: Final = "resuming"
"""Names of locks."""
_STAGED_AT_ONCE: Final = 200
_PAUSE_S: Final = 0.005
"""After each step, so that whoever waits for the store gets its turn."""
_RECALLED_AT_MOST: Final = 0.5
"""A complete file that would recall more than this share of the open accounts is taken for a mistake."""


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What is to be made of a file.

    Attributes:
        client: name of the creditor the accounts belong to.
        campaign: puts the accounts on its list `list_name`; None: only stores them.
        columns: field name to header, where the guess is wrong.
        region: country of numbers without a plus sign.
        complete: the file is everything the client has with us: open accounts it does not name are recalled.
        recall_any_number: with `complete`, even most of them.
    """

    client: str
    campaign: CampaignId | None = None
    list_name: str = "import"
    columns: Mapping[str, str] = field(default_factory=dict)
    region: str = "US"
    encoding: str | None = None
    complete: bool = False
    recall_any_number: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is: `done` rows of `total` in this phase (0: not known yet)."""

    phase: Phase
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did.

    Attributes:
        rows: rows of the file; `bad` of them are listed in `errors_file`, as are repeated and doubtful ones.
        new, changed, same: accounts.
        recalled: accounts a complete file no longer named.
        suppressed: suppressions added.
        doubles: new persons that may be one the client already has.
    """

    rows: int = 0
    bad: int = 0
    new: int = 0
    changed: int = 0
    same: int = 0
    recalled: int = 0
    suppressed: int = 0
    doubles: int = 0
    errors_file: Path | None = None


def load(
    store: Store,
    path: Path,
    plan: ImportPlan,
    clock: Clock,
    errors_file: Path,
    progress: Callable[[Progress], None] = lambda _progress: None,
) -> ImportReport:
    """Import a file. Blocks; the engine runs it on a thread of its own.

    Raises:
        ImportRefusedError: the file cannot be imported as a whole; the store is as before.
        StoreError: the store failed; what was set aside is applied or discarded by `resume`.
    """
    source = open_source(path, plan.encoding)
    columns = map_columns(source.header, plan.columns)
    with _at_work(store):
        return _load(store, source, columns, plan, clock, errors_file, progress)


def _load(
    store: Store,
    source: Source,
    columns: ColumnMap,
    plan: ImportPlan,
    clock: Clock,
    errors_file: Path,
    progress: Callable[[Progress], None],
) -> ImportReport:
    import_id = store.write(_begin, source, plan, clock)
    with ErrorsFile(errors_file) as errors:
        try:
            rows, good = _stage(store, import_id, source, columns, plan, errors, progress)
            _refuse_mass_recall(store, import_id, plan)
        except BaseException:
            _discard(store, import_id)
            raise
        errors.keep = True
        store.write(_start_applying, import_id)
        report = _apply(store, import_id, clock, good, progress, errors)
    return replace(report, rows=rows, bad=rows - good, errors_file=errors_file if errors.count else None)


def resume(
    store: Store, clock: Clock, progress: Callable[[Progress], None] = lambda _progress: None
) -> Sequence[ImportReport] | None:
    """Finish what a crash interrupted: imports still being read are discarded, the others applied to their end.

    Returns:
        What was applied; None when somebody imports or resumes just now: then nothing was done, ask again later.
    """
    alone = store.lock(_RESUMING)
    if alone is None:
        return None
    try:
        left = _left_behind(store)
        if left is None:
            return None
        reports: list[ImportReport] = []
        for import_id, phase in left:
            if phase is Phase.STAGING:
                _discard(store, import_id)
            else:
                reports.append(_apply(store, import_id, clock, 0, progress, None))
        return reports
    finally:
        alone.release()


def _left_behind(store: Store) -> Sequence[tuple[int, Phase]] | None:
    """Imports that nobody works on; None while somebody imports: which is whose cannot be seen."""
    nobody = store.lock(_IMPORTING)
    if nobody is None:
        return None
    try:
        return store.read(_unfinished)
    finally:
        nobody.release()


@contextmanager
def _at_work(store: Store) -> Iterator[None]:
    """Let whoever would resume see that the unfinished import is a living one. Imports may run side by side."""
    lock = store.lock(_IMPORTING, shared=True, patience_s=-1)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


# --- reading and setting aside -------------------------------------------------------------------------------------


def _begin(tx: Connection, source: Source, plan: ImportPlan, clock: Clock) -> int:
    now = clock.now()
    list_ = None if plan.campaign is None else campaigns.list_id(tx, plan.campaign, plan.list_name, now)
    values = {
        "client_id": campaigns.client_id(tx, plan.client, now),
        "file_name": source.path.name[:300],
        "sha256": source.sha256,
        "phase": Phase.STAGING.value,
        "position": 0,
        "counts": {},
        "complete": plan.complete,
        "campaign_id": plan.campaign,
        "list_id": list_,
        "began_at": now,
    }
    inserted: int = tx.execute(insert(imports).values(values).returning(imports.c.id)).scalar_one()
    return inserted


def _stage(
    store: Store,
    import_id: int,
    source: Source,
    columns: ColumnMap,
    plan: ImportPlan,
    errors: ErrorsFile,
    progress: Callable[[Progress], None],
) -> tuple[int, int]:
    rows = good = 0
    for batch in _batches(source.rows()):
        staged, found = _check(batch, columns, source, plan)
        repeated = store.write(_set_aside, import_id, staged)
        for error in [*found, *(_repeated(row, columns, source) for row in repeated)]:
            errors.add(error)
        rows += len(batch)
        good += sum(row["row"] is not None for row in staged) - len(repeated)
        progress(Progress(Phase.STAGING, rows, 0))
        time.sleep(_PAUSE_S)
    if rows == 0:
        raise ImportRefusedError("the file has a header and no rows")
    return rows, good


def _batches(rows: Iterator[tuple[int, Sequence[str]]]) -> Iterator[list[tuple[int, Sequence[str]]]]:
    while batch := list(islice(rows, _STAGED_AT_ONCE)):
        yield batch


def _check(
    batch: Sequence[tuple[int, Sequence[str]]], columns: ColumnMap, source: Source, plan: ImportPlan
) -> tuple[list[dict[str, object]], list[RowError]]:
    staged: list[dict[str, object]] = []
    found: list[RowError] = []
    for number, cells in batch:
        checked = check_row(number, cells, columns, source.header, plan.region)
        if isinstance(checked, CheckedRow):
            row = replace(checked, record=_with_zones(checked.record))
            text, urgent = steps.ROW.dump_json(row, exclude_defaults=True).decode(), row.suppress is not None
        else:
            text, urgent = None, False
            found.extend(checked)
        staged.append({"line": number, "account": account_of(cells, columns), "urgent": urgent, "row": text})
    return staged, found


def _with_zones(record: AccountRecord) -> AccountRecord:
    address = record.address
    if address is not None and address.lat is not None and address.lon is not None:
        address = replace(address, tz=zone_at(address.lat, address.lon))
    zone = address.tz if address is not None and address.tz else zone_of(record.phones[0].number)
    return replace(record, address=address, zone=zone)


def _set_aside(tx: Connection, import_id: int, staged: Sequence[Mapping[str, object]]) -> Sequence[int]:
    """Insert a batch; returns the rows whose account an earlier good row already had (they are left out)."""
    known = set(
        tx.execute(
            select(import_rows.c.account).where(
                import_rows.c.import_id == import_id,
                import_rows.c.account.in_([row["account"] for row in staged]),
                import_rows.c.row.is_not(None),
            )
        ).scalars()
    )
    fresh: list[Mapping[str, object]] = []
    repeated: list[int] = []
    for row in staged:
        if row["row"] is not None and row["account"] in known:
            repeated.append(int(str(row["line"])))
            continue
        if row["row"] is not None:
            known.add(str(row["account"]))
        fresh.append({"import_id": import_id, **row})
    if fresh:
        tx.execute(insert(import_rows), fresh)
    return repeated


def _repeated(row: int, columns: ColumnMap, source: Source) -> RowError:
    column = source.header[columns[Field.ACCOUNT]]
    what_to_do = "keep one row for each account; further numbers go into columns of that row"
    return RowError(row, column, "", "names an account that an earlier row has; this row was left out", what_to_do)


def _refuse_mass_recall(store: Store, import_id: int, plan: ImportPlan) -> None:
    if not plan.complete or plan.recall_any_number:
        return
    absent, opened = store.read(steps.would_recall, import_id)
    if absent > opened * _RECALLED_AT_MOST:
        raise ImportRefusedError(
            f"as a complete file this would recall {absent:,} of {opened:,} open accounts; "
            "if that is meant, allow it expressly, else import it as a partial file"
        )


def _discard(store: Store, import_id: int) -> None:
    while store.write(steps.discard, import_id):
        time.sleep(_PAUSE_S)
    store.write(_forget, import_id)


def _forget(tx: Connection, import_id: int) -> None:
    tx.execute(delete(imports).where(imports.c.id == import_id))


# --- applying ----------------------------------------------------------------------------------------------------


def _start_applying(tx: Connection, import_id: int) -> None:
    tx.execute(update(imports).where(imports.c.id == import_id).values(phase=Phase.URGENT.value))


def _apply(
    store: Store,
    import_id: int,
    clock: Clock,
    total: int,
    progress: Callable[[Progress], None],
    errors: ErrorsFile | None,
) -> ImportReport:
    done = 0
    while True:
        did = store.write(steps.step, import_id, clock)
        if did.phase is Phase.DONE:
            break
        done += did.dealt_with
        if errors is not None:
            _list_doubles(did.doubles, errors)
        progress(Progress(did.phase, done, total))
        time.sleep(_PAUSE_S)
    counts = store.read(steps.running, import_id).counts
    return ImportReport(
        new=counts.get("new", 0),
        changed=counts.get("changed", 0),
        same=counts.get("same", 0),
        recalled=counts.get("recalled", 0),
        suppressed=counts.get("suppressed", 0),
        doubles=counts.get("doubles", 0),
    )


def _list_doubles(rows: Sequence[int], errors: ErrorsFile) -> None:
    what_to_do = "if it is the same person, give both rows the client's reference for the person"
    for row in rows:
        errors.add(RowError(row, "", "", "was imported; its person may be a double of another", what_to_do))


def _unfinished(tx: Connection) -> Sequence[tuple[int, Phase]]:
    rows = tx.execute(select(imports.c.id, imports.c.phase).where(imports.c.phase != Phase.DONE.value))
    return [(row.id, Phase(row.phase)) for row in rows]
