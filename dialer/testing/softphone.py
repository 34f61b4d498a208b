"""A real SIP telephone for tests, the demo and benchmarks: baresip as a process, one per telephone.

It registers, answers by itself, sends a tone of its own (so that a recording shows who spoke) and counts RTP packets
both ways. It can press keys, hang up, and be unplugged: frozen in the middle of a call, so that its media stop and no
BYE is sent. It uses no sound device. CPU: about 1.5 % of one core in a call.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from dialer.testing.netstrings import NetstringReader, encode

PORTS_PER_PHONE: Final = 8
_BETWEEN_KEYS_S: Final = 0.3
_PATIENCE_S: Final = 10.0
_LIFETIME_S: Final = 4 * 3600
"""A telephone whose owner was killed ends by itself after this."""
_PACKETS: Final = re.compile(r"packets:\s+(\d+)\s+(\d+)")
_SENT_NOW: Final = re.compile(r"TX: packets=(\d+)")
_RECEIVED_NOW: Final = re.compile(r"rcvd=(\d+)")
_WORD: Final = re.compile(r"[A-Za-z0-9_.-]+")
_KEYS: Final = re.compile(r"[0-9*#]+")


class SoftphoneError(Exception):
    """The telephone does not work; the message ends with what baresip last said."""


class ProgramRoot(Protocol):
    """Where baresip comes from: the private root."""

    @property
    def multiarch(self) -> Path: ...

    def command(self, program: str, arguments: Sequence[str] = ()) -> list[str]: ...

    def environment(self) -> dict[str, str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneSettings:
    """One telephone.

    Attributes:
        user: SIP user; letters, digits, dot, dash and underscore.
        secret: what it registers with; the same characters.
        registrar: host and UDP port of the switch.
        ports: eight ports of its own.
        tone_hz: the tone it sends while in a call.
        record: write what it hears to `heard.wav` in its folder.
    """

    user: str
    secret: str = field(repr=False)
    registrar: tuple[str, int]
    ports: range
    tone_hz: int = 440
    record: bool = False

    def __post_init__(self) -> None:
        if not all(_WORD.fullmatch(text) for text in (self.user, self.secret, self.registrar[0])):
            raise SoftphoneError("user, secret and registrar are made of letters, digits, dot, dash and underscore")
        if len(self.ports) < PORTS_PER_PHONE:
            raise SoftphoneError(f"a softphone needs {PORTS_PER_PHONE} ports, got {len(self.ports)}")


def phone_ports(free: range, number: int) -> range:
    """The ports of telephone `number` (from 0) within a range of free ports.

    Raises:
        SoftphoneError: the range is too small.
    """
    first = free.start + free.start % 2 + number * PORTS_PER_PHONE
    if first + PORTS_PER_PHONE > free.stop:
        raise SoftphoneError(f"no ports left for softphone {number}; {PORTS_PER_PHONE} are needed for each")
    return range(first, first + PORTS_PER_PHONE)


@dataclass(frozen=True, slots=True)
class RtpCount:
    """RTP packets since the telephone started."""

    sent: int
    received: int

    def __add__(self, other: RtpCount) -> RtpCount:
        return RtpCount(self.sent + other.sent, self.received + other.received)


class Softphone:
    """A telephone. Use as `async with Softphone(root, settings, folder) as phone`: registered on entry."""

    def __init__(self, root: ProgramRoot, settings: PhoneSettings, folder: Path) -> None:
        self.settings: Final = settings
        self.folder: Final = folder
        self.answered: int = 0
        """Calls answered so far."""
        self._root = root
        self._said: deque[str] = deque(maxlen=30)
        self._ended = RtpCount(0, 0)
        self._registered = asyncio.Event()
        self._in_call = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._tokens = count(1)
        self._waiting: dict[str, asyncio.Future[str]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._process: asyncio.subprocess.Process | None = None
        self._control: asyncio.StreamWriter | None = None

    @property
    def heard(self) -> Path:
        """What the telephone heard, if it records."""
        return self.folder / "heard.wav"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Run baresip and wait until the switch has accepted its registration.

        Raises:
            SoftphoneError: it does not start, or is not registered in time.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, text in configuration(self.settings, self._root.multiarch.parent, self.heard).items():
            (self.folder / name).write_text(text, encoding="ascii")
        self._process = await asyncio.create_subprocess_exec(
            *self._root.command("baresip", ["-4", "-f", str(self.folder), "-t", str(_LIFETIME_S)]),
            env=self._root.environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(_PATIENCE_S):
                self._tasks.append(asyncio.create_task(self._read_output(self._process)))
                await self._connect(self._process)
                await self._registered.wait()
        except TimeoutError as error:
            await self.stop()
            raise SoftphoneError(self._blame("was not registered in time")) from error
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Hang up, unregister and end; an unplugged telephone just ends."""
        process = self._process
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGCONT)
            try:
                async with asyncio.timeout(3):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self._control is not None:
            self._control.close()
            self._control = None

    async def ended(self) -> None:
        """Return once baresip has ended, whoever ended it."""
        if self._process is not None:
            await self._process.wait()

    # --- what a person does with a telephone ---

    async def hang_up(self) -> None:
        """End the present call."""
        await self._command("hangup")

    async def dial(self, number: str) -> None:
        """Call a number of the switch's, such as `*1`.

        Raises:
            SoftphoneError: not a number a telephone can dial.
        """
        if _KEYS.fullmatch(number) is None:
            raise SoftphoneError("a telephone has the keys 0 to 9, * and #")
        host, port = self.settings.registrar
        await self._command("dial", f"sip:{number}@{host}:{port}")

    async def press(self, keys: str) -> None:
        """Press keys, one after the other, at a person's pace.

        Raises:
            SoftphoneError: not keys of a telephone.
        """
        if _KEYS.fullmatch(keys) is None:
            raise SoftphoneError("a telephone has the keys 0 to 9, * and #")
        for key in keys:
            await self._command("sndcode", key)
            await asyncio.sleep(_BETWEEN_KEYS_S)

    def unplug(self) -> None:
        """Freeze: nothing more is sent or answered, no BYE."""
        self._signal(signal.SIGSTOP)

    def replug(self) -> None:
        """Go on after `unplug`."""
        self._signal(signal.SIGCONT)

    def crash(self) -> None:
        """End at once without a goodbye; the ports are closed."""
        self._signal(signal.SIGKILL)

    # --- what a test waits for and counts ---

    @property
    def is_in_call(self) -> bool:
        return self._in_call.is_set()

    async def in_call(self) -> None:
        """Return once a call is up."""
        await self._in_call.wait()

    async def idle(self) -> None:
        """Return once no call is up."""
        await self._idle.wait()

    async def packets(self) -> RtpCount:
        """RTP packets sent and received, of ended calls and the present one."""
        if not self.is_in_call:
            return self._ended
        text = await self._command("audio_debug")
        sent = sum(int(number) for number in _SENT_NOW.findall(text))
        received = sum(int(number) for number in _RECEIVED_NOW.findall(text))
        return self._ended + RtpCount(sent, received)

    async def exchanged(self, packets: int) -> None:
        """Return once so many packets have gone each way."""
        while min((now := await self.packets()).sent, now.received) < packets:  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # baresip counts, but tells only when asked

    # --- plumbing ---

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    async def _connect(self, process: asyncio.subprocess.Process) -> None:
        while True:
            if process.returncode is not None:
                raise SoftphoneError(self._blame("ended at once"))
            try:
                reader, self._control = await asyncio.open_connection("127.0.0.1", self.settings.ports[2])
            except OSError:
                await asyncio.sleep(0.05)  # baresip has not opened its control port yet
            else:
                self._tasks.append(asyncio.create_task(self._read_control(reader)))
                return

    async def _command(self, command: str, parameters: str = "") -> str:
        if self._control is None:
            raise SoftphoneError(f"softphone {self.settings.user} is not running")
        token = str(next(self._tokens))
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[token] = answer
        message = json.dumps({"command": command, "params": parameters, "token": token})
        try:
            self._control.write(encode(message.encode()))
            async with asyncio.timeout(_PATIENCE_S):
                return await answer
        except (TimeoutError, OSError) as error:
            raise SoftphoneError(self._blame(f"did not answer to {command}")) from error
        finally:
            del self._waiting[token]

    async def _read_control(self, reader: asyncio.StreamReader) -> None:
        frames = NetstringReader()
        while received := await reader.read(65536):
            for payload in frames.feed(received):
                self._take(json.loads(payload))

    def _take(self, message: dict[str, object]) -> None:
        if message.get("response"):
            waiting = self._waiting.get(str(message.get("token")))
            if waiting is not None and not waiting.done():
                waiting.set_result(str(message.get("data", "")))
        match message.get("type"):
            case "CALL_ESTABLISHED":
                self.answered += 1
                self._idle.clear()
                self._in_call.set()
            case "CALL_CLOSED":
                self._in_call.clear()
                self._idle.set()
            case _:
                pass

    async def _read_output(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            return
        while line := await process.stdout.readline():
            text = line.decode(errors="replace").strip()
            self._said.append(text)
            if (packets := _PACKETS.match(text)) is not None:
                self._ended += RtpCount(int(packets[1]), int(packets[2]))
            if "200 OK" in text and "binding" in text:
                self._registered.set()
        self._in_call.clear()
        self._idle.set()

    def _blame(self, what: str) -> str:
        return f"softphone {self.settings.user} {what}; baresip said: {' | '.join(list(self._said)[-5:])}"


def configuration(settings: PhoneSettings, libraries: Path, heard: Path) -> dict[str, str]:
    """Names and texts of baresip's configuration files.

    Args:
        settings: the telephone.
        libraries: folder that holds `baresip/modules`.
        heard: where to write what it hears, if it records.
    """
    host, port = settings.registrar
    first = settings.ports.start
    # SIP takes the first port and, for TLS, the next one. The tone generator works at 48 kHz only; PCMU stays at 8.
    lines = [
        "poll_method epoll",
        "net_interface 127.0.0.1",
        f"sip_listen 127.0.0.1:{first}",
        "call_max_calls 1",
        "call_local_timeout 30",
        f"audio_source ausine,{settings.tone_hz}",
        "audio_alert nothing,nothing",
        "ring_aufile none",
        "ausrc_srate 48000",
        "auplay_srate 8000",
        "ausrc_channels 1",
        "auplay_channels 1",
        "audio_buffer 20-160",
        "audio_telev_pt 101",
        f"rtp_ports {first + 4}-{first + 7}",
        "rtp_stats yes",
        "jitter_buffer_type off",
        "statmode_default off",
        f"module_path {libraries}/baresip/modules",
        "module g711.so",
        "module ausine.so",
        *([f"audio_player aufile,{heard}", "module aufile.so"] if settings.record else []),
        "module_tmp account.so",
        "module_app menu.so",
        "module_app ctrl_tcp.so",
        f"ctrl_tcp_listen 127.0.0.1:{first + 2}",
    ]
    account = (
        f"<sip:{settings.user}@{host}:{port};transport=udp>;auth_user={settings.user};auth_pass={settings.secret}"
        ";answermode=auto;regint=60;audio_codecs=pcmu/8000/1,pcma/8000/1;ptime=20"
    )
    return {"config": "\n".join(lines) + "\n", "accounts": account + "\n", "contacts": ""}
