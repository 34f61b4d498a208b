"""Agents' secrets at rest: salted scrypt (RFC 7914), never the secret itself."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Final

_COST: Final = 2**14
_BLOCK: Final = 8
_PARALLEL: Final = 1
_SALT_BYTES: Final = 16
_STORED: Final = re.compile(r"scrypt\$([0-9]{1,7})\$([0-9]{1,2})\$([0-9]{1,2})\$([0-9a-f]{32})\$([0-9a-f]{64})")
_MEMORY_LIMIT: Final = 64 * 1024 * 1024
SECRET_LIMIT: Final = 256


class CredentialError(ValueError):
    """The secret cannot be used, or what is stored is no hash of one."""


def new_secret() -> str:
    """A secret for an installation to hand to an agent: 128 random bits."""
    return secrets.token_urlsafe(16)


def hash_secret(secret: str) -> str:
    """What to store for a secret. Takes some 50 ms of one core: not for the event loop.

    Raises:
        CredentialError: empty or longer than 256 characters.
    """
    if not 1 <= len(secret) <= SECRET_LIMIT:
        raise CredentialError(f"a secret has 1 to {SECRET_LIMIT} characters")
    salt = secrets.token_bytes(_SALT_BYTES)
    return f"scrypt${_COST}${_BLOCK}${_PARALLEL}${salt.hex()}${_derive(secret, salt, _COST, _BLOCK, _PARALLEL).hex()}"


def matches(secret: str, stored: str) -> bool:
    """Whether `stored` was made from `secret`; as slow as `hash_secret`, in time that does not depend on the secret.

    Raises:
        CredentialError: `stored` is no hash made here.
    """
    parts = _STORED.fullmatch(stored)
    if parts is None:
        raise CredentialError("what is stored for this agent is no scrypt hash; give the agent a new secret")
    cost, block, parallel = (int(parts[number]) for number in (1, 2, 3))
    try:
        derived = _derive(secret[:SECRET_LIMIT], bytes.fromhex(parts[4]), cost, block, parallel)
    except ValueError as error:
        raise CredentialError("what is stored for this agent asks for impossible scrypt parameters") from error
    return hmac.compare_digest(derived, bytes.fromhex(parts[5]))


NOBODY: Final = f"scrypt${_COST}${_BLOCK}${_PARALLEL}${'0' * 32}${'0' * 64}"
"""Compared against for an unknown agent, so that an unknown name takes as long as a wrong secret."""


def _derive(secret: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    return hashlib.scrypt(secret.encode(), salt=salt, n=cost, r=block, p=parallel, maxmem=_MEMORY_LIMIT, dklen=32)
