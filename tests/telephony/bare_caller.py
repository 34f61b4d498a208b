"""The least that can call the test carrier: SIP over UDP by hand, RTP received and kept. No code of the dialer."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import secrets
import socket
import time
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

_HEADER = re.compile(r"^([^:\s]+)\s*:\s*(.*)$", re.MULTILINE)
_CHALLENGE = re.compile(r'(\w+)="?([^",]+)"?')


@dataclass
class Heard:
    """One call as its caller saw it. Times are seconds after the (authenticated) INVITE."""

    call_id: str = ""
    provisional: list[tuple[float, int]] = field(default_factory=list)
    final: int = 0
    final_at: float = 0.0
    challenged: bool = False
    party_hung_up: bool = False
    ended_at: float = 0.0
    packets: list[tuple[float, bytes]] = field(default_factory=list)
    digits: list[int] = field(default_factory=list)

    def codes(self) -> list[int]:
        """Provisional answers without 100 and repetitions, then the final one."""
        seen = [code for _, code in self.provisional if code != 100]
        return [*dict.fromkeys(seen), self.final]

    def early(self) -> npt.NDArray[np.float64]:
        """What was heard before the final answer."""
        return _decode(b"".join(payload for at, payload in self.packets if at < self.final_at))

    def audio(self) -> npt.NDArray[np.float64]:
        """What was heard after the answer."""
        return _decode(b"".join(payload for at, payload in self.packets if at >= self.final_at))


def loudest_hz(sound: npt.NDArray[np.float64]) -> float:
    """The strongest frequency."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(np.fft.rfftfreq(len(sound), 1 / 8000)[np.argmax(spectrum)])


def level_dbfs(sound: npt.NDArray[np.float64]) -> float:
    """Root mean square level."""
    return float(20 * np.log10(np.sqrt(np.mean(sound**2)) + 1e-9))


def seconds(sound: npt.NDArray[np.float64], first: float, last: float) -> npt.NDArray[np.float64]:
    """A piece of sound by seconds."""
    return sound[round(first * 8000) : round(last * 8000)]


class BareCaller(asyncio.DatagramProtocol):
    """A SIP user agent that registers and calls."""

    def __init__(self, server: tuple[str, int], user: str, password: str) -> None:
        self._server, self._user, self._password = server, user, password
        self._waiting: dict[str, asyncio.Queue[tuple[int, dict[str, str], str, str]]] = {}
        self._arriving: asyncio.Queue[tuple[dict[str, str], str]] = asyncio.Queue()
        self._transport: asyncio.DatagramTransport | None = None
        self._port = 0

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self._port = self._transport.get_extra_info("sockname")[1]

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()

    def datagram_received(self, data: bytes, addr: object) -> None:
        text = data.decode()
        first, _, rest = text.partition("\r\n")
        head, _, body = rest.partition("\r\n\r\n")
        headers = {name.lower(): value.strip() for name, value in _HEADER.findall(head)}
        status = int(first.split()[1]) if first.startswith("SIP/2.0") else 0
        if queue := self._waiting.get(headers.get("call-id", "")):
            queue.put_nowait((status, headers, first.split()[0], body))
        elif first.startswith("INVITE"):
            self._waiting[headers["call-id"]] = asyncio.Queue()
            self._arriving.put_nowait((headers, first.split()[1]))

    async def register(self, expires: int = 120) -> int:
        """REGISTER; returns the final status."""
        call_id = secrets.token_hex(8)
        self._waiting[call_id] = asyncio.Queue()
        uri = f"sip:{self._server[0]}:{self._server[1]}"
        common = [f"Call-ID: {call_id}", f"To: <sip:{self._user}@127.0.0.1>", f"Expires: {expires}"]
        status, headers, _, _ = await self._ask("REGISTER", uri, 1, call_id, common)
        if status == 401:
            credentials = self._authorization("REGISTER", uri, headers)
            status, headers, _, _ = await self._ask("REGISTER", uri, 2, call_id, [*common, credentials])
        return status

    async def call(
        self, number: str, *, answered_s: float, ringing_s: float = 60.0, caller: str = "+13125550100"
    ) -> Heard:
        """Call a number; hang up `answered_s` after its answer or give up after `ringing_s` of ringing."""
        heard = Heard(call_id=secrets.token_hex(12))
        queue = self._waiting[heard.call_id] = asyncio.Queue()
        rtp = _rtp_socket()
        body = _session(rtp)
        uri = f"sip:{number}@{self._server[0]}:{self._server[1]}"
        common = [
            f"Call-ID: {heard.call_id}",
            f"To: <{uri}>",
            f"P-Asserted-Identity: <sip:{caller}@127.0.0.1>",
            "Content-Type: application/sdp",
        ]
        begun = time.monotonic()
        listener = asyncio.create_task(_listen(rtp, heard, begun))
        try:
            status, headers, _, _ = await self._ask("INVITE", uri, 1, heard.call_id, common, body, caller)
            if status == 401:
                heard.challenged = True
                self._send("ACK", uri, 1, [f"Call-ID: {heard.call_id}", f"To: {headers['to']}"], "", caller)
                credentials = self._authorization("INVITE", uri, headers)
                self._send("INVITE", uri, 2, [*common, credentials], body, caller)
                status, headers = await self._progress(queue, heard, begun, uri, common[:2], caller, ringing_s)
            heard.final, heard.final_at = status, time.monotonic() - begun
            self._send("ACK", uri, 2, [f"Call-ID: {heard.call_id}", f"To: {headers['to']}"], "", caller)
            if status == 200:
                await self._talk(queue, heard, uri, headers["to"], caller, answered_s)
            heard.ended_at = time.monotonic() - begun
        finally:
            listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listener
            rtp.close()
            del self._waiting[heard.call_id]
        return heard

    async def answer(self, *, listen_s: float) -> tuple[Heard, str, str]:
        """Wait for a call, answer it, listen; returns what was heard, the number called, and the From header."""
        async with asyncio.timeout(10):
            headers, uri = await self._arriving.get()
        heard = Heard(call_id=headers["call-id"])
        rtp = _rtp_socket()
        begun = time.monotonic()
        listener = asyncio.create_task(_listen(rtp, heard, begun))
        headers["to"] += ";tag=answerer"
        self._reply(headers, _session(rtp))
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(listen_s):
                    while (await self._waiting[heard.call_id].get())[2] != "BYE":
                        pass
                    heard.party_hung_up = True
        finally:
            listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listener
            rtp.close()
        return heard, uri.removeprefix("sip:").partition("@")[0], headers["from"]

    async def _progress(self, queue, heard, begun, uri, common, caller, ringing_s):  # type: ignore[no-untyped-def]
        """Provisional responses until the final one; CANCEL when it rings too long."""
        cancelled = False
        until = begun + ringing_s
        while True:
            try:
                async with asyncio.timeout_at(asyncio.get_running_loop().time() + max(0.0, until - time.monotonic())):
                    status, headers, _, _ = await queue.get()
            except TimeoutError:
                assert not cancelled, "no final answer after CANCEL"
                cancelled, until = True, time.monotonic() + 5
                self._send("CANCEL", uri, 2, common, "", caller, branch_of=heard.call_id)
                continue
            if headers["cseq"].endswith("CANCEL"):
                continue
            if status >= 200:
                return status, headers
            heard.provisional.append((time.monotonic() - begun, status))

    async def _talk(self, queue, heard, uri, to, caller, answered_s):  # type: ignore[no-untyped-def]
        """Listen until the party says BYE or the time is over."""
        try:
            async with asyncio.timeout(answered_s):
                while True:
                    _, headers, method, _ = await queue.get()
                    if method == "BYE":
                        self._reply(headers)
                        heard.party_hung_up = True
                        return
        except TimeoutError:
            self._send("BYE", uri, 3, [f"Call-ID: {heard.call_id}", f"To: {to}"], "", caller)

    async def _ask(self, method, uri, number, call_id, headers, body="", caller=""):  # type: ignore[no-untyped-def]
        self._send(method, uri, number, headers, body, caller)
        while True:
            async with asyncio.timeout(5):
                answer = await self._waiting[call_id].get()
            if answer[0] >= 200:
                return answer

    def _send(  # type: ignore[no-untyped-def]
        self, method, uri, number, headers, body="", caller="", branch_of=None
    ) -> None:
        call_id = next(line for line in headers if line.startswith("Call-ID")).split()[1]
        sequence = number if method != "CANCEL" else 2
        branch = f"z9hG4bK{hashlib.sha256(f'{call_id}{sequence}'.encode()).hexdigest()[:16]}"
        if method == "BYE" or (method == "ACK" and number == 2):
            branch += method
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self._port};branch={branch};rport",
            f"From: <sip:{caller or self._user}@127.0.0.1>;tag={call_id[:8]}",
            f"Contact: <sip:{self._user}@127.0.0.1:{self._port}>",
            f"CSeq: {sequence} {method}",
            "Max-Forwards: 70",
            *headers,
            f"Content-Length: {len(body)}",
            "",
            body,
        ]
        assert self._transport is not None
        self._transport.sendto("\r\n".join(lines).encode(), self._server)

    def _reply(self, headers: dict[str, str], body: str = "") -> None:
        kept = [f"{name}: {headers[name]}" for name in ("via", "from", "to", "call-id", "cseq")]
        ours = [f"Contact: <sip:{self._user}@127.0.0.1:{self._port}>", "Content-Type: application/sdp"]
        lines = ["SIP/2.0 200 OK", *kept, *ours, f"Content-Length: {len(body)}", "", body]
        assert self._transport is not None
        self._transport.sendto("\r\n".join(lines).encode(), self._server)

    def _authorization(self, method: str, uri: str, headers: dict[str, str]) -> str:
        challenge = dict(_CHALLENGE.findall(headers["www-authenticate"]))

        def md5(text: str) -> str:
            return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

        cnonce = secrets.token_hex(8)
        ours = md5(f"{self._user}:{challenge['realm']}:{self._password}")
        asked = md5(f"{method}:{uri}")
        response = md5(f"{ours}:{challenge['nonce']}:00000001:{cnonce}:auth:{asked}")
        parts = [
            f'username="{self._user}"',
            f'realm="{challenge["realm"]}"',
            f'nonce="{challenge["nonce"]}"',
            f'uri="{uri}"',
            f'response="{response}"',
            f'cnonce="{cnonce}"',
            f'opaque="{challenge.get("opaque", "")}"',
            "algorithm=MD5, nc=00000001, qop=auth",
        ]
        return f"Authorization: Digest {', '.join(parts)}"


def _rtp_socket() -> socket.socket:
    rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    rtp.bind(("127.0.0.1", 0))
    rtp.setblocking(False)
    return rtp


def _session(rtp: socket.socket) -> str:
    """SDP: mu-law and telephone events on the socket's port."""
    return "\r\n".join(
        [
            "v=0",
            "o=- 1 1 IN IP4 127.0.0.1",
            "s=-",
            "c=IN IP4 127.0.0.1",
            "t=0 0",
            f"m=audio {rtp.getsockname()[1]} RTP/AVP 0 101",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:101 telephone-event/8000",
            "a=fmtp:101 0-16",
            "a=sendrecv",
            "",
        ]
    )


async def _listen(rtp: socket.socket, heard: Heard, begun: float) -> None:
    """Keep the mu-law packets and the telephone events of one call."""
    loop = asyncio.get_running_loop()
    last_event = b""
    while True:
        packet = await loop.sock_recv(rtp, 2048)
        kind, stamp, payload = packet[1] & 0x7F, packet[4:8], packet[12:]
        if kind == 0:
            heard.packets.append((time.monotonic() - begun, payload))
        elif kind == 101 and stamp != last_event:
            last_event = stamp
            heard.digits.append(payload[0])


def _decode(payload: bytes) -> npt.NDArray[np.float64]:
    """G.711 mu-law to samples of full scale 1."""
    code = ~np.frombuffer(payload, dtype=np.uint8)
    magnitude = (((code & 0x0F).astype(np.int32) << 3) + 132 << ((code >> 4) & 7)) - 132
    return np.where(code & 0x80, -magnitude, magnitude) / 32768
