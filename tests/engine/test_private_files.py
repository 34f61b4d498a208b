"""Whatever a running engine writes is its owner's only, even under a careless umask."""

import os
from datetime import UTC, datetime

import pytest

from dialer import engine_status
from dialer.agent_directory import AgentDirectory
from dialer.asterisk.secret_files import generated
from dialer.engine_status import EngineStatus
from dialer.stop_switch import StopSwitch
from dialer.testing import world
from dialer.testing.world import Setup, World, settings
from domain.ids import AgentId
from reports.attempt_lines import AttemptLog, RunLine

pytestmark = pytest.mark.engine


@pytest.fixture(autouse=True)
def _careless_umask():
    before = os.umask(0o000)
    yield
    os.umask(before)


def test_every_file_is_private(tmp_path):
    modes = {}

    async def scenario(w: World):
        await w.until_finished(1)
        engine_status.write(tmp_path, EngineStatus())
        AgentDirectory(tmp_path).enrol(AgentId("amira"))
        generated(tmp_path / "secrets", "agent-amira")
        StopSwitch(tmp_path).pull()
        log = AttemptLog(tmp_path / "attempts.jsonl")
        log.write(RunLine(started_at=datetime(2026, 11, 24, tzinfo=UTC), calendar_offset_s=0.0))
        log.close()
        modes.update({file.name: file.stat().st_mode & 0o777 for file in tmp_path.rglob("*") if file.is_file()})

    world.run(Setup(tmp_path, settings(), accounts=1, database=tmp_path / "store.db"), scenario)
    assert {"store.db", "store.db-wal", "engine.json", "attempts.jsonl", "STOP"} <= modes.keys()
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}
