"""What a person allows and asks for: consents, wishes about when and how, and where they say they are.

Each is in force from the next reservation on. A new one may lift a block, so the person's parked accounts are tried
again.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, update

from accounts.moves import revive_person
from accounts.tables import consents, preferences, stated_locations
from compliance.facts import Consent, Preference, StatedLocation
from domain.ids import PersonId


def give_consent(tx: Connection, person: PersonId, consent: Consent) -> int:
    """Record a consent; returns its row, by which it can be revoked."""
    values = {
        "person_id": person,
        "kind": consent.kind.value,
        "given_to": consent.given_to.value,
        "given_at": consent.given_at,
        "until": consent.until,
        "revoked_at": consent.revoked_at,
        "number": consent.number,
        "debt_id": None if consent.debt is None else int(consent.debt),
    }
    row: int = tx.execute(insert(consents).values(values).returning(consents.c.id)).scalar_one()
    revive_person(tx, person)
    return row


def revoke_consent(tx: Connection, consent: int, now: datetime) -> bool:
    """End a consent; False when it was revoked before."""
    standing = (consents.c.id == consent) & consents.c.revoked_at.is_(None)
    return tx.execute(update(consents).where(standing).values(revoked_at=now)).rowcount == 1


def record_preference(tx: Connection, person: PersonId, wish: Preference) -> None:
    """Record a wish about times, media or the workplace."""
    values = {
        "person_id": person,
        "kind": wish.kind.value,
        "weekdays": sorted(wish.weekdays),
        "start": wish.start,
        "end": wish.end,
        "medium": None if wish.medium is None else wish.medium.value,
    }
    tx.execute(insert(preferences), values)


def record_location(tx: Connection, person: PersonId, place: StatedLocation) -> None:
    """Record where a person says they are."""
    values = {"person_id": person, "zip": place.zip, "state": place.state, "tz": place.tz, "until": place.until}
    tx.execute(insert(stated_locations), values)
    revive_person(tx, person)
