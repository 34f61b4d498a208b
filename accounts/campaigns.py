"""Campaigns, their life, their lists and the numbers they may show.

A campaign is a draft until started; only a running one reserves calls. Settings are stored as JSON and checked again
whenever they are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.engine import Row

from accounts.dialect import insert_or_ignore
from accounts.errors import ConflictError, NotFoundError
from accounts.model import Campaign, CampaignSettings, CampaignStatus
from accounts.tables import campaigns, clients, lists, owned_numbers
from domain.ids import CampaignId, ListId
from domain.phone import PhoneNumber

_S = CampaignStatus
TRANSITIONS: Final[dict[CampaignStatus, dict[str, CampaignStatus]]] = {
    _S.DRAFT: {"start": _S.RUNNING, "finish": _S.DONE},
    _S.RUNNING: {"pause": _S.PAUSED, "finish": _S.DONE},
    _S.PAUSED: {"start": _S.RUNNING, "finish": _S.DONE},
    _S.DONE: {},
}
_SETTINGS: Final = TypeAdapter(CampaignSettings)
MOST: Final = {
    "ratio": 20.0,
    "target_abandonment": 0.5,
    "connect_within_s": 60.0,
    "max_lines": 1_000_000,
    "rest_s": 3600.0,
}
"""What pacing can work by; the law's own limits are far below."""


@lru_cache(maxsize=256)
def read_settings(stored: str) -> CampaignSettings:
    """Settings from their stored JSON (kept in memory by their text: every reservation reads them)."""
    return _SETTINGS.validate_json(stored)


def write_settings(settings: CampaignSettings) -> str:
    """The JSON that `read_settings` reads."""
    return _SETTINGS.dump_json(settings).decode()


def create(tx: Connection, name: str, settings: CampaignSettings, now: datetime) -> CampaignId:
    """Make a draft campaign. Its creditor becomes a client, its caller IDs must be owned.

    Raises:
        ConflictError: the name is taken, or a setting is not what it should be.
        NotFoundError: a caller ID is not in the table of owned numbers.
    """
    stored = _checked(settings)
    owned = set(tx.execute(select(owned_numbers.c.e164).where(owned_numbers.c.enabled)).scalars())
    if not settings.caller_ids or not owned.issuperset(settings.caller_ids):
        raise NotFoundError("a campaign needs caller IDs from the owned numbers; add the number first")
    if tx.execute(select(campaigns.c.id).where(campaigns.c.name == name)).first() is not None:
        raise ConflictError("a campaign of that name exists; choose another name")
    values = {
        "name": name,
        "status": CampaignStatus.DRAFT.value,
        "settings": stored,
        "client_id": client_id(tx, settings.creditor, now),
        "fence": 0,
        "created_at": now,
    }
    return CampaignId(tx.execute(insert(campaigns).values(values).returning(campaigns.c.id)).scalar_one())


def change(tx: Connection, campaign: CampaignId, settings: CampaignSettings) -> None:
    """Replace a campaign's settings; in force from the next reservation on.

    Raises:
        ConflictError: a setting is not what it should be.
    """
    tx.execute(update(campaigns).where(campaigns.c.id == campaign).values(settings=_checked(settings)))


def _checked(settings: CampaignSettings) -> str:
    """Settings as they are stored, once it is sure that they can be read and worked by."""
    try:
        stored = write_settings(_SETTINGS.validate_python(settings))
        _SETTINGS.validate_json(stored)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConflictError(f"campaign setting {place}: {first['msg']}") from error
    for name, most in MOST.items():
        value = getattr(settings, name)
        if value is not None and not 0.0 <= value <= most:  # also what is not a number
            raise ConflictError(f"campaign setting {name} is {value}: give a number from 0 to {most:g}")
    return stored


def move(tx: Connection, campaign: CampaignId, event: str) -> CampaignStatus:
    """Start, pause or finish a campaign (`start`, `pause`, `finish`).

    Raises:
        ConflictError: the table has no such step from its present status.
    """
    status = get(tx, campaign).status
    after = TRANSITIONS[status].get(event)
    if after is None:
        raise ConflictError(f"a {status} campaign cannot {event}")
    tx.execute(update(campaigns).where(campaigns.c.id == campaign).values(status=after.value))
    return after


def get(tx: Connection, campaign: CampaignId) -> Campaign:
    """One campaign by id.

    Raises:
        NotFoundError: there is none.
    """
    row = tx.execute(select(campaigns).where(campaigns.c.id == campaign)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no campaign {campaign}")
    return _campaign(row)


def find(tx: Connection, name: str) -> Campaign:
    """One campaign by name, whatever its case.

    Raises:
        NotFoundError: there is none; the message lists the names there are.
    """
    row = tx.execute(select(campaigns).where(func.lower(campaigns.c.name) == name.lower())).one_or_none()
    if row is None:
        known = ", ".join(tx.execute(select(campaigns.c.name).order_by(campaigns.c.name).limit(20)).scalars())
        raise NotFoundError(f"there is no campaign of that name; there are: {known or 'none yet'}")
    return _campaign(row)


def everyone(tx: Connection) -> Sequence[Campaign]:
    """All campaigns, oldest first."""
    return [_campaign(row) for row in tx.execute(select(campaigns).order_by(campaigns.c.id))]


def _campaign(row: Row[tuple[object, ...]]) -> Campaign:
    return Campaign(CampaignId(row.id), row.name, CampaignStatus(row.status), read_settings(row.settings))


def own_number(
    tx: Connection, number: PhoneNumber, daily_cap: int, zone: str = "America/New_York", *, enabled: bool = True
) -> None:
    """Add or change a number that may be shown as caller ID.

    Args:
        daily_cap: attempts a day that may show it.
        zone: IANA zone in which its day begins.
    """
    values = {"daily_cap": daily_cap, "zone": zone, "enabled": enabled}
    insert_or_ignore(tx, owned_numbers, [{"e164": number.e164, **values}])
    tx.execute(update(owned_numbers).where(owned_numbers.c.e164 == number.e164).values(values))


def client_id(tx: Connection, name: str, now: datetime) -> int:
    """The row of a client, made when it is new."""
    found: int | None = tx.execute(select(clients.c.id).where(clients.c.name == name)).scalar_one_or_none()
    if found is None:
        found = tx.execute(insert(clients).values(name=name, created_at=now).returning(clients.c.id)).scalar_one()
    return found


def list_id(tx: Connection, campaign: CampaignId, name: str, now: datetime) -> ListId:
    """The row of a campaign's list, made when it is new."""
    found = tx.execute(
        select(lists.c.id).where(lists.c.campaign_id == campaign, func.lower(lists.c.name) == name.lower())
    ).scalar_one_or_none()
    if found is None:
        found = tx.execute(
            insert(lists).values(campaign_id=campaign, name=name, created_at=now).returning(lists.c.id)
        ).scalar_one()
    return ListId(found)
