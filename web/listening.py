"""Taking the address of the web pages, before anything else is started and without what serves them."""

from __future__ import annotations

import socket
from typing import Final

_BACKLOG: Final = 64


class AddressTakenError(Exception):
    """The address cannot be listened on; the message says what to do."""


def listen(host: str, port: int) -> socket.socket:
    """Take the address; port 0 takes a free one.

    Raises:
        AddressTakenError: another program has it, or it is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise AddressTakenError(
            f"cannot listen on {host} port {port}: {error.strerror}; set host and port under [web] in fairdial.toml"
        ) from error
