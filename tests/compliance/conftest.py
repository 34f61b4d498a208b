"""What the tests of the law share: the shipped policy, loaded once."""

from __future__ import annotations

import pytest

import compliance


@pytest.fixture(scope="session")
def policy() -> compliance.Policy:
    return compliance.load_policy()
