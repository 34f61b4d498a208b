"""What can go wrong with the private Asterisk; every message says what happened and what to do."""

from __future__ import annotations


class AsteriskError(Exception):
    """The private Asterisk cannot be installed, configured, started or stopped."""
