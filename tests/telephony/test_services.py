"""Asterisk and an agent's telephone as programs of their own, as containers and service managers run them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dialer import settings as settings_file
from dialer.asterisk.errors import AsteriskError
from dialer.asterisk.install import install
from dialer.asterisk.installation import own_instance
from dialer.asterisk.ports import PortBlock, lease
from dialer.carrier_cli import carrier
from dialer.command_line import CommandError
from dialer.phone_cli import phone

pytestmark = pytest.mark.telephony

LOOK_S = 0.1
SETTINGS = """
owned_numbers = ["+12025550143"]

[asterisk]
start = false
sip_port = {0.sip}
ami_port = {0.ami}
http_port = {0.http}
rtp_first = {0.rtp_first}
rtp_last = {0.rtp_last}

[[trunks]]
name = "carrier"
port = {1}
username = "fairdial"

[[agents]]
name = "amira"
"""


@pytest.fixture
def block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An installation in a folder of its own."""
    install()
    with lease() as block:
        (tmp_path / "fairdial.toml").write_text(SETTINGS.format(block.instance(0), block.quarter(1).start))
        monkeypatch.chdir(tmp_path)
        yield block


@asynccontextmanager
async def program(*words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`dialer` with these words, ended as a service manager does."""
    root = Path(__file__).parents[2]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "dialer",
        *words,
        env=os.environ | {"PYTHONPATH": str(root), "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()


async def said(process: asyncio.subprocess.Process, words: str) -> None:
    """Wait until a program says something."""
    async with asyncio.timeout(60):
        while (line := await process.stdout.readline()) and words not in line.decode():
            pass
    assert line, f"the program ended without saying {words!r}"


def test_beside_a_live_trunk_there_is_no_test_carrier_and_no_false_telephone(block: PortBlock, tmp_path: Path) -> None:
    file = tmp_path / "fairdial.toml"
    live = 'username = "fairdial"\nlive = true\nlive_confirmed_by = "Ada Lovelace"'
    file.write_text(file.read_text().replace('username = "fairdial"', live))
    kept = tmp_path / "var" / "secrets" / "trunk-carrier"
    kept.parent.mkdir(parents=True)
    kept.write_text("the carrier's own")
    carrier(prepare=True)
    with pytest.raises(CommandError, match="its secret would be lost"):
        carrier()
    with pytest.raises(CommandError, match="people would hear a tone"):
        phone("amira")
    assert kept.read_text() == "the carrier's own"


async def test_asterisk_and_a_telephone_are_ended_by_whoever_started_them(block: PortBlock) -> None:
    carrier(port=block.quarter(1).start, prepare=True)
    instance = own_instance(settings_file.load())
    async with program("asterisk", "run") as asterisk:
        async with asyncio.timeout(60):
            while instance.pid() is None or "not found" in await instance.console("pjsip show endpoint amira"):
                await asyncio.sleep(LOOK_S)
        assert instance.pid() == asterisk.pid
        with pytest.raises(AsteriskError, match="already running"):
            await instance.wait_startable()
        async with program("phone", "amira", "--port", str(block.quarter(2).start)) as telephone:
            await said(telephone, "registered")
        assert telephone.returncode == 0
    assert (instance.pid(), asterisk.returncode) == (None, 0)
