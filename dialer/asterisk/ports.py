"""Which ports an instance uses. Installations name theirs; tests and the demo lease a block nobody else has."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dialer.asterisk.errors import AsteriskError

_FIRST: Final = 10_000
_LAST: Final = 32_767
"""Below the range from which Linux takes ports for outgoing connections."""
_BLOCK: Final = 1_000
_BLOCKS: Final = (_LAST - _FIRST + 1) // _BLOCK
_PER_INSTANCE: Final = 250
_SERVICES: Final = 10


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of one instance; two RTP ports per channel, the first one even."""

    sip: int
    ami: int
    http: int
    rtp_first: int
    rtp_last: int

    def __post_init__(self) -> None:
        named = (self.sip, self.ami, self.http, self.rtp_first, self.rtp_last)
        if not all(1024 <= port <= 65_535 for port in named):
            raise AsteriskError(f"ports must lie between 1024 and 65535, not {named}")
        if self.rtp_first % 2 or self.rtp_last - self.rtp_first < 1:
            raise AsteriskError("the RTP range must begin with an even port and hold at least two")


@dataclass(frozen=True, slots=True)
class PortBlock:
    """A thousand ports that belong to one user: four instances, or three and a range of single ports."""

    first: int

    def instance(self, index: int) -> Ports:
        """Ports of the block's instance number `index` (0 to 3), with room for 120 channels."""
        base = self._quarter(index)
        rtp = base + _SERVICES
        return Ports(sip=base, ami=base + 1, http=base + 2, rtp_first=rtp, rtp_last=base + _PER_INSTANCE - 1)

    def quarter(self, index: int) -> range:
        """All ports of quarter `index` (0 to 3), for programs that are no Asterisk."""
        base = self._quarter(index)
        return range(base, base + _PER_INSTANCE)

    def _quarter(self, index: int) -> int:
        if not 0 <= index < _BLOCK // _PER_INSTANCE:
            raise AsteriskError(f"a port block has no part {index}: count from 0 to {_BLOCK // _PER_INSTANCE - 1}")
        return self.first + index * _PER_INSTANCE


@contextmanager
def lease(worker: int = 0) -> Iterator[PortBlock]:
    """A block of free ports that no other lease of this user has, until the context ends.

    Args:
        worker: number of the parallel worker; a hint where to look first.

    Raises:
        AsteriskError: every block is leased or in use.
    """
    folder = Path(tempfile.gettempdir()) / f"fairdial-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for step in range(_BLOCKS):
        number = (worker + step) % _BLOCKS
        block = PortBlock(_FIRST + number * _BLOCK)
        lock = os.open(folder / str(number), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if _locked(lock) and not any(taken("127.0.0.1", block.instance(index)) for index in range(4)):
                yield block
                return
        finally:
            os.close(lock)
    raise AsteriskError("no free block of ports between 10000 and 32767: stop other instances, or tests still running")


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def taken(address: str, ports: Ports) -> list[str]:
    """Those of an instance's service ports that another program holds, worded for a message."""
    wanted = [
        ("UDP", "sip", ports.sip, socket.SOCK_DGRAM),
        ("TCP", "ami", ports.ami, socket.SOCK_STREAM),
        ("UDP", "rtp_first", ports.rtp_first, socket.SOCK_DGRAM),
    ]
    return [
        f"{protocol} port {port} (asterisk.ports.{name})"
        for protocol, name, port, kind in wanted
        if not _can_bind(address, port, kind)
    ]


def _can_bind(address: str, port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
