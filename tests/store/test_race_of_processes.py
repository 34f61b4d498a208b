"""Four engine processes race for one person, two are killed midway: the cap holds, no call is without a row."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from time import sleep

import pytest
from sqlalchemy import select

from accounts.tables import attempts

from .conftest import Floor

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def test_of_four_processes_some_killed_none_passes_the_cap_and_no_call_is_without_a_row(
    common_floor: Floor, tmp_path: Path
) -> None:
    for n in range(40):
        common_floor.account(n, reference="P1")
    told = [common_floor.url, str(common_floor.campaign)]
    files = [tmp_path / f"sent-{engine}" for engine in range(4)]
    engines = [
        subprocess.Popen([sys.executable, "-m", "tests.store.racer", *told, f"e{engine}", "25", "500", str(file)])
        for engine, file in enumerate(files)
    ]
    waited = 0
    while waited < 2000 and len([file for file in files[:2] if file.exists() and file.read_text()]) < 2:
        sleep(0.01)  # until the two that will be killed have begun
        waited += 1
    for engine in engines[:2]:
        engine.kill()
    codes = [engine.wait() for engine in engines]
    assert codes[2:] == [0, 0]
    sent = {line for file in files if file.exists() for line in file.read_text().split()}
    rows = set(common_floor.store.read(lambda tx: tx.execute(select(attempts.c.id)).scalars()))
    assert sent <= rows
    assert 0 < len(rows) <= 25
