"""SIPp as a carrier and as agents' telephones: started with a scenario of this folder, watched, ended."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

SCENARIOS: Final = Path(__file__).parent / "scenarios"
STOP_S: Final = 10.0


def truth_file(folder: Path, scenario: str) -> Path:
    """What the scenario's far end saw, a line each: instant, what, Call-ID, called number."""
    return folder / f"{scenario}.truth"


class SippError(RuntimeError):
    """SIPp is missing, or ended when it should not."""


def program() -> str:
    """Where SIPp is.

    Raises:
        SippError: it is not installed.
    """
    found = shutil.which("sipp")
    if found is None:
        raise SippError("there is no sipp: install Debian's package sip-tester, or run deploy/need-servers --load")
    return found


@asynccontextmanager
async def answering(
    scenario: str, folder: Path, port: int, media_ports: range, more: Sequence[str] = ()
) -> AsyncIterator[int]:
    """Run a scenario that takes calls until the context ends; gives the process's number.

    Raises:
        SippError: it ended by itself.
    """
    process = await _start(
        scenario,
        folder,
        [
            *("-p", str(port), "-mp", str(media_ports.start)),
            *("-nd", "-aa", "-trace_logs", "-log_file", str(truth_file(folder, scenario)), *more),
        ],
    )
    try:
        yield process.pid
        if process.returncode is not None:
            raise SippError(f"sipp ended with {process.returncode}: see {folder / scenario}.log")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def register(folder: Path, registrar: int, phone_port: int, users: Sequence[tuple[str, str]]) -> None:
    """Register telephones that will take their calls at `phone_port`; from there, as Asterisk goes by what it sees.

    Args:
        users: names and secrets.

    Raises:
        SippError: not all of them could be registered.
    """
    lines = [f"{name};[authentication username={name} password={secret}]" for name, secret in users]
    injected = folder / "users.csv"
    injected.write_text("\n".join(["SEQUENTIAL", *lines]) + "\n")
    injected.chmod(0o600)
    own = ["-p", str(phone_port), "-inf", str(injected), "-m", str(len(users)), "-r", "20"]
    process = await _start("register", folder, [*own, "-timeout", "30", f"127.0.0.1:{registrar}"])
    if await process.wait() != 0:
        raise SippError(f"not all telephones were registered: see {folder / 'register'}.log")


async def _start(scenario: str, folder: Path, arguments: Sequence[str]) -> asyncio.subprocess.Process:
    errors = ["-trace_err", "-error_file", str(folder / f"{scenario}.errors")]
    command = [program(), "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", "127.0.0.1", "-nostdin", *errors, *arguments]
    with (folder / f"{scenario}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=folder, stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL
        )
    with suppress(TimeoutError):  # a mistake in the scenario shows at once
        async with asyncio.timeout(0.3):
            if await process.wait() != 0:
                raise SippError(f"sipp does not start: see {folder / scenario}.log")
    return process
