"""The kill switch is a file: it outlives the engine and needs nothing else."""

import pytest

from dialer.stop_switch import StopSwitch

pytestmark = pytest.mark.unit


def test_dialing_is_allowed_until_it_is_pulled(tmp_path):
    assert not StopSwitch(tmp_path).is_pulled()


def test_it_works_where_no_state_directory_exists_yet(tmp_path):
    StopSwitch(tmp_path / "var").pull()
    assert StopSwitch(tmp_path / "var").is_pulled()


def test_another_process_sees_it_and_it_stays_until_reset(tmp_path):
    StopSwitch(tmp_path).pull()
    assert StopSwitch(tmp_path).is_pulled()
    StopSwitch(tmp_path).reset()
    assert not StopSwitch(tmp_path).is_pulled()
