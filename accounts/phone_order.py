"""The phones of a person that are not given up, in the order in which they are called."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, select

from accounts.tables import phones

_USABLE: Final = (
    select(phones.c.person_id, phones.c.id)
    .where(phones.c.person_id.in_(bindparam("persons", expanding=True)), phones.c.unusable.is_(None))
    .order_by(phones.c.rank, phones.c.id)
)


def usable_phones(tx: Connection, persons_: Collection[int]) -> Mapping[int, Sequence[int]]:
    """By person, the phones that are not given up, in the person's order."""
    found: dict[int, list[int]] = {person: [] for person in persons_}
    for row in tx.execute(_USABLE, {"persons": sorted(persons_)}):
        found[row.person_id].append(row.id)
    return found


def phone_after(usable: Sequence[int], phone: int) -> int:
    """The phone after this one in the person's order, around to the first; itself where it is the only one."""
    if phone not in usable:
        return usable[0]
    return usable[(usable.index(phone) + 1) % len(usable)]
