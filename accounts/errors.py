"""Errors of the account store. Each message says what happened and what to do, on one line, without personal data."""

from __future__ import annotations


class StoreError(Exception):
    """The account store could not do what was asked."""


class StoreLockedError(StoreError):
    """Another process held the database longer than the busy time-out."""


class StoreFullError(StoreError):
    """The disk (or the database's quota) is full. Nothing of the transaction was kept."""


class StoreUnreachableError(StoreError):
    """The database cannot be opened or does not answer."""


class WrongSchemaError(StoreError):
    """The database belongs to another version, or is not an account store."""


class SecondEngineError(StoreError):
    """Another engine process works on the same SQLite file, or has the same name on PostgreSQL."""


class NotFoundError(StoreError):
    """A campaign, agent, debt or attempt that was named does not exist."""


class ConflictError(StoreError):
    """The change does not fit the present state: a name taken, a transition that is not in the table."""


class ImportRefusedError(StoreError):
    """A file cannot be imported as a whole. Nothing of it was kept."""
