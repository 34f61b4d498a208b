"""Whether an instance is registered with its carriers, read from Asterisk's own console."""

from __future__ import annotations

import asyncio
from typing import Final

from dialer.asterisk.errors import AsteriskError
from dialer.asterisk.instance import Instance

_LOOK_S: Final = 0.1


async def registered(instance: Instance) -> frozenset[str]:
    """Names of the trunks whose registration stands."""
    lines = (await instance.console("pjsip show registrations")).splitlines()
    return frozenset(line.split("/")[0].strip() for line in lines if "Registered" in line and "/" in line)


async def wait_registered(instance: Instance, trunk: str, deadline_s: float = 20.0) -> None:
    """Wait until a trunk's registration stands.

    Raises:
        AsteriskError: it does not in time.
    """
    try:
        async with asyncio.timeout(deadline_s):
            while trunk not in await registered(instance):  # noqa: ASYNC110  # Asterisk's console cannot be subscribed to
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        raise AsteriskError(
            f"trunk {trunk} did not register within {deadline_s:g} s: check its host, port, user and secret"
        ) from None
