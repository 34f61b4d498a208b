"""Which of the claimed accounts go first where a campaign dials by value, and how nobody is passed over for ever.

More accounts are claimed than are wanted; the worthiest of the highest priority are dialed and the rest are given back.
The next claim goes on behind them, so that one pass through the list looks at every account once: the same few are not
claimed and given back again and again. Every `TURNS`-th pass chooses nothing and takes the accounts as they come.
Whoever is due all the time is therefore passed over at most `TURNS` - 1 times.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from accounts.model import Claim

TURNS: Final = 4
PRIORITIES_KEPT: Final = 256
"""Of so many priorities it is known how far their pass has come; of others it begins anew."""


@dataclass(slots=True)
class _Pass:
    """One pass through the accounts of one priority.

    Attributes:
        place: the entry behind which it goes on.
        number: how many passes were before it.
        seen: the last entry that any pass has come to.
        end: where a pass in turn ends. Accounts that come while it goes on are left to the next, or it might never end.
    """

    place: int = 0
    number: int = 0
    seen: int = 0
    end: int = 0

    @property
    def in_turn(self) -> bool:
        return self.number % TURNS == TURNS - 1

    def begin_next(self) -> None:
        self.place, self.number, self.end = 0, self.number + 1, self.seen


class Choice:
    """How far one campaign's passes have come. Kept in memory: after a restart they begin anew."""

    def __init__(self) -> None:
        self._passes: OrderedDict[int, _Pass] = OrderedDict()

    @property
    def places(self) -> Mapping[int, int]:
        """By priority, the entry behind which the next claim goes on."""
        return {priority: one.place for priority, one in self._passes.items()}

    def arrange(self, held: Sequence[Claim], ranked: Callable[[Sequence[Claim]], Sequence[Claim]]) -> Sequence[Claim]:
        """Claims just made, in the order in which to dial them.

        Args:
            held: at least one, as `accounts.claim.claim_onward` gave them for `places`, highest priority first.
            ranked: puts claims of equal priority in order of worth.
        """
        top = held[0].priority
        now = self._passes.setdefault(top, _Pass())
        self._passes.move_to_end(top)
        if len(self._passes) > PRIORITIES_KEPT:
            self._passes.popitem(last=False)
        if held[0].entry <= now.place:
            now.begin_next()
        return held if now.in_turn else ranked(held)

    def dialed(self, held: Sequence[Claim], left: Sequence[Claim], asked: int, *, enough: bool) -> None:
        """Note what became of the claims arranged last.

        Args:
            held: all of them.
            left: those not dialed that could have been.
            asked: how many claims were asked for; fewer means that the end of the list was reached.
            enough: whether as many were dialed as were wanted. If not, something stood in the way, and those left were
                not passed over for others.
        """
        top = held[0].priority
        now = self._passes[top]
        group = [one.entry for one in held if one.priority == top]
        waiting = [one.entry for one in left if one.priority == top]
        now.seen = max(now.seen, *group)
        if not waiting or (enough and not now.in_turn):
            now.place = max(group)
        elif now.in_turn:
            now.place = max(now.place, min(waiting) - 1)
        else:
            return
        if now.place >= now.end if now.in_turn else len(group) < asked:
            now.begin_next()
