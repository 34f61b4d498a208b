"""One running Asterisk: its folders, its configuration files, its start and its end.

The process is a daemon of its own: it outlives the engine, because the dialplan owns the deadlines of live calls.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
import signal
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from dialer.asterisk.errors import AsteriskError
from dialer.asterisk.ports import Ports, taken
from dialer.asterisk.render import TEMPLATES, environment
from dialer.asterisk.root import AsteriskProgram

START_DEADLINE_S: Final = 30.0
STOP_DEADLINE_S: Final = 10.0
PORTS_DEADLINE_S: Final = 3.0
_LONGEST_SOCKET_PATH: Final = 100
_TAIL_LINES: Final = 12
AMI_USER: Final = "fairdial"


@dataclass(frozen=True, slots=True)
class Place:
    """The folders of one instance.

    Attributes:
        folder: everything of the instance is below it, but perhaps `run`.
    """

    folder: Path

    @property
    def etc(self) -> Path:
        return self.folder / "etc"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    @property
    def recordings(self) -> Path:
        """Where MixMonitor leaves `<attempt id>.raw`."""
        return self.spool / "recording"

    @property
    def call_lines(self) -> Path:
        """Where cel_custom writes; the last part is its own choice."""
        return self.log / "cel-custom"

    @property
    def library(self) -> Path:
        """Asterisk's own small database and keys."""
        return self.folder / "lib"

    @property
    def sounds(self) -> Path:
        """Spoken messages of this installation."""
        return self.folder / "sounds"

    @property
    def run(self) -> Path:
        """The pid file and the control socket; elsewhere when the path is too long for a socket."""
        usual = self.folder / "run"
        if len(str(usual / "asterisk.ctl")) <= _LONGEST_SOCKET_PATH:
            return usual
        digest = hashlib.sha256(str(self.folder).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"fairdial-{os.getuid()}-{digest}"

    @property
    def configuration(self) -> Path:
        return self.etc / "asterisk.conf"

    def folders(self) -> tuple[Path, ...]:
        return (
            self.folder,
            self.etc,
            self.log,
            self.call_lines,
            self.spool,
            self.recordings,
            self.library,
            self.sounds,
            self.run,
        )


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of an instance without asking it."""

    running: bool
    pid: int | None
    folder: Path
    ports: Ports


ConfigurationFiles = Callable[[Place, str], Mapping[str, str]]
"""From the place and the generated AMI secret to file name and text; everything but asterisk.conf."""


class Instance:
    """An Asterisk with folders, ports and configuration of its own, run as the invoking user."""

    def __init__(
        self,
        *,
        program: AsteriskProgram,
        folder: Path,
        ports: Ports,
        files: ConfigurationFiles,
        address: str = "127.0.0.1",
        prepare: Callable[[Place], None] | None = None,
    ) -> None:
        """Describe an instance; nothing is written or started.

        Args:
            program: where the binary comes from.
            folder: the instance's own folder; made when missing.
            ports: what it listens on.
            files: makes its configuration.
            address: where SIP listens; the AMI is always on 127.0.0.1.
            prepare: makes other files (sounds) once the folders exist, at each `render`.
        """
        self.program = program
        self.place = Place(folder.absolute())
        self.ports = ports
        self.address = address
        self._files = files
        self._prepare = prepare

    @property
    def ami_secret(self) -> str:
        """The AMI password of this installation, made on first use and kept in a file only its owner reads."""
        return self._secrets()["ami"]

    def _secrets(self) -> dict[str, str]:
        file = self.place.folder / "secrets.json"
        if not file.exists():
            self.place.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_private(file, json.dumps({"ami": secrets.token_hex(24)}))
        kept: dict[str, str] = json.loads(file.read_text())
        return kept

    # --- configuration -------------------------------------------------------------------------------------------

    def render(self) -> None:
        """Write the configuration; all of it is made before the first file is touched.

        Raises:
            AsteriskError: a setting that cannot be written safely, or a folder that cannot be made.
        """
        files = {**self._files(self.place, self.ami_secret), "asterisk.conf": self._asterisk_conf()}
        try:
            for folder in self.place.folders():
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name, text in files.items():
                _write_private(self.place.etc / name, text)
            if self._prepare is not None:
                self._prepare(self.place)
        except OSError as error:
            raise AsteriskError(
                f"cannot write the Asterisk configuration: {error.strerror}: {error.filename}"
            ) from error

    def _asterisk_conf(self) -> str:
        template = environment(TEMPLATES).get_template("asterisk.conf.j2")
        return template.render(place=self.place, program=self.program)

    # --- life ----------------------------------------------------------------------------------------------------

    async def start(self, deadline_s: float = START_DEADLINE_S) -> None:
        """Start Asterisk and wait until it has booted and its AMI lets us in.

        Raises:
            AsteriskError: already running, a port taken, it ended, or it was not ready in time (with the log's end).
        """
        await self.wait_startable()
        with (self.place.log / "console.log").open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *self.program.command("asterisk", ["-C", str(self.place.configuration)]),
                env=self.program.environment(),
                cwd=self.place.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                umask=0o077,  # recordings and call lines are nobody else's
            )
            if await process.wait() != 0:  # zero: it has gone into the background
                raise self._failed("did not start")
        try:
            async with asyncio.timeout(deadline_s):
                await self._wait_ready()
        except TimeoutError:
            self.kill()
            raise self._failed(f"was not ready after {deadline_s:g} s") from None

    def become(self) -> NoReturn:
        """Turn this process into Asterisk, in the foreground: whoever started us watches and ends it.

        Raises:
            AsteriskError: the program cannot be run.
        """
        command = self.program.command("asterisk", ["-f", "-C", str(self.place.configuration)])
        os.chdir(self.place.folder)
        try:
            os.execvpe(command[0], command, self.program.environment())  # noqa: S606  # no shell is wanted
        except OSError as error:
            raise AsteriskError(f"{command[0]} cannot be run: {error.strerror}") from error

    async def wait_startable(self) -> None:
        """Make sure that it does not run, that its ports are free, and that its log is a new one.

        Raises:
            AsteriskError: already running, or a port taken.
        """
        if self.pid() is not None:
            raise AsteriskError(f"Asterisk is already running in {self.place.folder}: stop it first")
        await self._wait_for_ports()
        (self.place.log / "messages.log").unlink(missing_ok=True)

    async def _wait_for_ports(self) -> None:
        """Give a predecessor that was just killed a moment to let go of its ports: the kernel closes them after it."""
        try:
            async with asyncio.timeout(PORTS_DEADLINE_S):
                while taken(self.address, self.ports):  # noqa: ASYNC110  # the kernel tells nobody
                    await asyncio.sleep(0.05)
        except TimeoutError:
            in_use = ", ".join(taken(self.address, self.ports))
            raise AsteriskError(f"{in_use} taken by another program: stop it, or set other ports") from None

    async def _wait_ready(self) -> None:
        while not await self._answers():
            await asyncio.sleep(0.02)
            if self.pid() is None and self._said_goodbye():
                raise self._failed("ended while starting")

    def _said_goodbye(self) -> bool:
        """Whether the daemon had come as far as its log, so that a missing process means it is gone."""
        return (self.place.log / "messages.log").exists() or bool((self.place.log / "console.log").read_bytes())

    async def _answers(self) -> bool:
        """Whether the AMI accepts our login and says that Asterisk has booted."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.ports.ami)
        except OSError:
            return False
        try:
            login = f"Action: Login\r\nUsername: {AMI_USER}\r\nSecret: {self.ami_secret}\r\nEvents: system\r\n\r\n"
            writer.write(login.encode())
            await reader.readuntil(b"FullyBooted")
        except (OSError, asyncio.IncompleteReadError):
            return False
        else:
            return True
        finally:
            writer.close()

    async def stop(self, deadline_s: float = STOP_DEADLINE_S) -> None:
        """End Asterisk: politely, then after the deadline for certain. Not running is no error."""
        pid = self.pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGTERM)
        try:
            await _wait_gone(pid, deadline_s)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            await _wait_gone(pid, deadline_s)

    def kill(self) -> None:
        """End Asterisk at once, as a crash would."""
        if (pid := self.pid()) is not None:
            os.kill(pid, signal.SIGKILL)

    def pid(self) -> int | None:
        """The process, if it runs and is ours (a recycled number is not)."""
        try:
            pid = int((self.place.run / "asterisk.pid").read_text())
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, ValueError):
            return None
        return pid if os.fsencode(self.place.configuration) in arguments and state != "Z" else None

    def status(self) -> Status:
        """Whether it runs, and where."""
        pid = self.pid()
        return Status(running=pid is not None, pid=pid, folder=self.place.folder, ports=self.ports)

    async def console(self, command: str) -> str:
        """Run a console command over the control socket; for checks, never for dialing.

        Raises:
            AsteriskError: Asterisk does not run.
        """
        if self.pid() is None:
            raise AsteriskError(f"Asterisk does not run in {self.place.folder}: `dialer asterisk start`")
        process = await asyncio.create_subprocess_exec(
            *self.program.command("asterisk", ["-C", str(self.place.configuration), "-rx", command]),
            env=self.program.environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return output.decode(errors="replace")

    def log_tail(self) -> str:
        """The last lines Asterisk wrote."""
        lines: list[str] = []
        for name in ("console.log", "messages.log"):
            file = self.place.log / name
            if file.exists():
                lines += file.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join(lines)

    def _failed(self, what: str) -> AsteriskError:
        return AsteriskError(f"Asterisk in {self.place.folder} {what}. The end of its log:\n{self.log_tail()}")


async def _wait_gone(pid: int, deadline_s: float) -> None:
    """Wait for the end of a process that is no child of ours."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(handle, gone.set)
    try:
        async with asyncio.timeout(deadline_s):
            await gone.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


def _write_private(file: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner alone."""
    fresh = file.with_name(f".{file.name}.new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    fresh.replace(file)
