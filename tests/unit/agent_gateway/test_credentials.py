"""Agents' secrets at rest."""

from __future__ import annotations

import pytest

from agent_gateway.credentials import NOBODY, CredentialError, hash_secret, matches, new_secret

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("secret", ["", "x" * 257])
def test_a_secret_of_no_use_is_refused(secret: str) -> None:
    with pytest.raises(CredentialError, match="1 to 256"):
        hash_secret(secret)


@pytest.mark.parametrize("stored", ["", "plain", "scrypt$16384$8$1$00$00", f"scrypt$3$8$1${'0' * 32}${'0' * 64}"])
def test_what_is_no_hash_is_told_apart_from_a_wrong_secret(stored: str) -> None:
    with pytest.raises(CredentialError):
        matches("secret", stored)


def test_a_wrong_secret_does_not_match() -> None:
    assert not matches("wrong", hash_secret("right"))
    assert not matches("", NOBODY)


def test_the_right_secret_matches_and_is_not_in_the_hash() -> None:
    secret = new_secret()
    stored = hash_secret(secret)
    assert matches(secret, stored)
    assert secret not in stored
    assert stored != hash_secret(secret)
