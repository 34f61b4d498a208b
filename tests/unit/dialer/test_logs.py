"""The log file: masked, private and rotating."""

import json
import logging
import os

import pytest
import structlog

from dialer import logs

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _careless_umask_and_clean_logging():
    root = logging.getLogger()
    handlers, level, umask = root.handlers[:], root.level, os.umask(0o000)
    root.handlers[:] = []
    yield
    os.umask(umask)
    for handler in root.handlers:
        handler.close()
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_personal_values_are_masked_and_the_others_are_there(tmp_path):
    file = logs.configure(tmp_path)
    structlog.get_logger().info("dialing", attempt="a1", **{"pii.number": "+12125550100"})
    line = json.loads(file.read_text())
    assert (line["event"], line["attempt"], line["level"]) == ("dialing", "a1", "info")
    assert "+12125550100" not in file.read_text()


def test_personal_values_can_be_shown_for_one_run(tmp_path):
    file = logs.configure(tmp_path, show_personal=True)
    structlog.get_logger().info("dialing", **{"pii.number": "+12125550100"})
    assert json.loads(file.read_text())["pii.number"] == "+12125550100"


def test_a_line_break_in_a_value_does_not_make_a_second_line(tmp_path):
    file = logs.configure(tmp_path)
    structlog.get_logger().info("told", what='x"}\n{"event": "forged"}')
    assert len(file.read_text().splitlines()) == 1


def test_every_file_is_private_after_rotation_too(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "_BYTES", 2000)
    logs.configure(tmp_path)
    for count in range(100):
        structlog.get_logger().info("a line of some length, so that the file is soon full", count=count)
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert len(modes) > 3
    assert set(modes.values()) == {0o600}
