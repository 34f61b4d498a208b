"""A Redis of the tests' own: in a temporary folder, on a socket nobody else has, gone afterwards.

Debian's package `redis-tools` holds the server's program without installing a service: it is a server when called so.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import BusyLoadingError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry


def program() -> Path | None:
    """The server's program; None where there is none."""
    found = shutil.which("redis-server") or shutil.which("valkey-server") or shutil.which("redis-check-rdb")
    return None if found is None else Path(found).resolve()


@dataclass
class Server:
    """Can be killed, frozen and started again, as servers are."""

    program: Path
    folder: Path = field(default_factory=lambda: Path(mkdtemp(prefix="fairdial-redis-")))
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        called_so = self.folder / "redis-server"
        if not called_so.is_symlink():
            called_so.symlink_to(self.program)
        options = ["--port", "0", "--unixsocket", str(self.socket), "--save", "", "--dir", str(self.folder)]
        self.process = subprocess.Popen([called_so, *options], stdout=subprocess.DEVNULL)  # noqa: S603  # our own words
        patient = Retry(ConstantBackoff(0.05), 400, supported_errors=(RedisConnectionError, BusyLoadingError))
        with Redis(unix_socket_path=str(self.socket), retry=patient) as client:
            client.ping()

    def signal(self, number: int) -> None:
        if self.process is None:
            raise ProcessLookupError("the server does not run")
        self.process.send_signal(number)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.socket.unlink(missing_ok=True)

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder)
