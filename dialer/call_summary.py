"""What an agent reads when a call comes: the account in a few lines, and what may be said before anything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from accounts.async_store import AsyncStore
from accounts.call_sheet import CallSheet, call_sheet, entry_sheet
from accounts.errors import StoreError
from agent_gateway.server import CallSummary
from domain.ids import AttemptId

_log = structlog.get_logger(__name__)
_DEBT: Final = frozenset({"debt_third_party", "debt_first_party"})


def summary(sheet: CallSheet) -> CallSummary:
    """The sheet in words."""
    lines = [
        ("For", sheet.creditor),
        ("Account", sheet.account),
        ("Balance", str(sheet.balance)),
        ("Attempts", f"{sheet.attempts} on this account"),
        ("Campaign", sheet.campaign),
    ]
    if sheet.promise is not None:
        amount, due_on = sheet.promise
        lines.append(("Promised", f"{amount} by {due_on:%d %B %Y}"))
    return CallSummary(person=sheet.person, lines=tuple(lines), say=_say(sheet))


def _say(sheet: CallSheet) -> tuple[str, ...]:
    if sheet.purpose not in _DEBT:
        return (f"Say who you are and that you call for {sheet.creditor}.",)
    # A debt is not revealed to anybody else (12 CFR 1006.6(d)); the disclosure is owed once it is the person
    # (15 USC 1692e(11)).
    return (
        f"Make sure that it is {sheet.person} before you say why you call.",
        "Then: \u201cThis is an attempt to collect a debt. Anything you tell me will be used for that purpose.\u201d",
    )


class CallSummaries:
    """Summaries read from the account store.

    Args:
        entry_of: the list entry an agent is shown before there is an attempt; None where there is one.
    """

    def __init__(self, store: AsyncStore, entry_of: Callable[[AttemptId], int | None] = lambda _attempt: None) -> None:
        self._store = store
        self._entry_of = entry_of

    async def of(self, attempt: AttemptId) -> CallSummary | None:
        entry = self._entry_of(attempt)
        try:
            if entry is None:
                sheet = await self._store.read(call_sheet, attempt)
            else:
                sheet = await self._store.read(entry_sheet, entry)
        except StoreError as error:
            _log.warning("no account summary", attempt=attempt, error=str(error))
            return None
        return None if sheet is None else summary(sheet)
