"""Whatever the operator gets wrong, and whatever is missing: one clear line, a non-zero exit, no traceback."""

from __future__ import annotations

import os
import re
import socket
import socketserver
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from accounts import campaigns, claim, previews
from accounts.importing.reader import MAX_BYTES
from accounts.previews import Look
from accounts.records import AccountRecord, PhoneRecord, store_account
from accounts.store import open_store
from dialer.__main__ import main
from dialer.asterisk.instance import Status
from domain.clock import SystemClock
from domain.ids import AgentId, new_attempt_id
from domain.money import Money
from domain.phone import PhoneNumber

pytestmark = pytest.mark.unit

SETTINGS = """
owned_numbers = ["+12025550143"]

[[trunks]]
name = "carrier"
register_with_carrier = false
"""
CSV = "account,last_name,phone,zip,state,balance\nA1,Person,+14045550101,30303,GA,10.00\n"
CREATE = (
    "campaign create Cards --purpose debt_third_party --country US --creditor Bank --caller-id +12025550143 "
    "--recording off --treatment hangup"
)

Program = Callable[..., tuple[int, str]]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """Runs `dialer` with these words in an installation of its own; gives exit status and what it said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.delenv("FAIRDIAL_CONFIG", raising=False)
    (tmp_path / "fairdial.toml").write_text(SETTINGS, encoding="utf-8")

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["dialer", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out + told.err

    return run


def refused(program: Program, *words: str) -> str:
    """The one line with which a command ends."""
    status, told = program(*words)
    assert status == 1, told
    lines = [line for line in told.splitlines() if line.startswith("error:")]
    assert len(lines) == 1, told
    assert "Traceback" not in told
    return lines[0]


def created(program: Program) -> None:
    assert program(*CREATE.split())[0] == 0


# --- campaigns -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["start", "pause", "why", "skipped"])
def test_a_campaign_that_does_not_exist_and_the_names_there_are(program: Program, command: str) -> None:
    created(program)
    assert "there are: Cards" in refused(program, "campaign", command, "Crads")


def test_an_order_that_is_none_and_one_that_is(program: Program) -> None:
    created(program)
    status, told = program("campaign", "order", "Cards", "balance")
    assert status == 2
    assert "'priority', 'value'" in told
    assert "there are: Cards" in refused(program, "campaign", "order", "Crads", "value")
    status, told = program("campaign", "order", "cards", "value")
    assert (status, "Cards now dials by value" in told) == (0, True)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--target", "0.6"), ("--target", "nan"), ("--rest-s", "-1"), ("--max-lines", "2.5"), ("--ratio", "21")],
)
def test_a_pace_that_cannot_be_kept_and_nothing_changed(program: Program, option: str, value: str) -> None:
    created(program)
    status, _ = program("campaign", "pace", "Cards", option, value)
    assert status != 0
    assert "3.0%" in program("campaign", "pace", "Cards")[1]


def test_a_pace_that_is_changed_and_shown(program: Program) -> None:
    created(program)
    words = ("--mode", "predictive", "--rest-s", "15", "--max-lines", "40", "--target", "0.02", "--release-ringing")
    status, _ = program("campaign", "pace", "Cards", *words)
    status, told = program("campaign", "pace", "Cards", "--max-lines", "0")
    assert status == 0
    for part in ("predictive", "2.0%", "15 s", "no limit of its own", "yes"):
        assert part in told


@pytest.mark.parametrize("seconds", ["4", "301", "soon"])
def test_a_preview_that_is_too_short_or_too_long_to_look(program: Program, seconds: str) -> None:
    status, told = program(*CREATE.split(), "--mode", "preview", "--preview-s", seconds)
    assert status == 2
    assert "--preview-s" in told


def test_what_agents_skipped_is_listed_and_an_account_can_do_nothing_to_the_terminal(
    program: Program, tmp_path: Path
) -> None:
    created(program)
    assert "Nothing was skipped" in program("campaign", "skipped", "Cards")[1]
    now = SystemClock().now()
    store = open_store(tmp_path / "var" / "fairdial.db", now)
    campaign = store.read(campaigns.find, "Cards").id
    client = store.write(campaigns.client_id, "Bank", now)
    list_ = store.write(campaigns.list_id, campaign, "all", now)
    record = AccountRecord("A[red]\x1b[2J", "P", "P", (PhoneRecord(PhoneNumber("+14045550101")),), Money(1))
    store.write(store_account, client, record, now, (campaign, list_))
    (held,) = store.write(claim.claim, campaign, 1, now, "e1")
    store.write(previews.skip, Look(held, new_attempt_id(now), AgentId("amira")), "bad_data", now)
    store.close()
    told = program("campaign", "skipped", "Cards")[1]
    assert all(word in told for word in ("amira", "A[red]", "skipped", "bad_data"))
    assert "\x1b[2J" not in told


def test_an_import_for_a_campaign_that_does_not_exist_loads_nothing(program: Program, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV, encoding="utf-8")
    assert "there are: none yet" in refused(program, "import", "a.csv", "--client", "Bank", "--campaign", "Cards")


def test_a_campaign_that_is_not_paused_twice(program: Program) -> None:
    created(program)
    assert "cannot pause" in refused(program, "campaign", "pause", "Cards")


def test_a_trunk_that_is_not_in_the_settings_and_those_that_are(program: Program) -> None:
    assert "there are: carrier" in refused(program, *CREATE.split(), "--trunk", "carier")


def test_a_trunk_that_is_named_twice(program: Program) -> None:
    assert "named twice" in refused(program, *CREATE.split(), "--trunk", "carrier", "--trunk", "carrier")


def test_a_caller_id_that_is_not_owned(program: Program) -> None:
    words = CREATE.replace("+12025550143", "+12025550199").split()
    assert "owned numbers" in refused(program, *words)


def test_a_number_that_is_none(program: Program) -> None:
    assert "suppress" not in refused(program, "suppress", "12")


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(CSV.replace("zip", "phone").encode(), "two columns", id="a column twice"),
        pytest.param(b"\x89PNG\r\n\x1a\n\x00\x00", "CSV", id="a picture"),
        pytest.param(b"a;b;c\n1;2;3\n", "column", id="no column that is known"),
        pytest.param(CSV.replace("Person", "Pérsön").encode("latin-1"), "CSV UTF-8", id="another encoding"),
    ],
)
def test_a_file_that_cannot_be_read_as_accounts(program: Program, tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    assert says in refused(program, "import", "a.csv", "--client", "Bank")
    assert says in refused(program, "import", "a.csv", "--client", "Bank", "--preview")


def test_a_file_with_a_header_alone(program: Program, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV.splitlines()[0] + "\n")
    assert "no rows" in refused(program, "import", "a.csv", "--client", "Bank")


def test_a_file_that_is_not_there(program: Program) -> None:
    assert "no such file" in refused(program, "import", "nowhere.csv", "--client", "Bank")


def test_a_folder_in_place_of_a_file(program: Program, tmp_path: Path) -> None:
    assert "not a file" in refused(program, "import", str(tmp_path), "--client", "Bank")


def test_a_file_larger_than_may_be(program: Program, tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("wb") as file:
        file.truncate(MAX_BYTES + 1)  # sparse: it takes no room
    assert "split it" in refused(program, "import", "a.csv", "--client", "Bank")


def test_a_column_option_without_an_equals_sign(program: Program, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV, encoding="utf-8")
    assert "FIELD=HEADER" in refused(program, "import", "a.csv", "--client", "Bank", "--column", "phone")


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("trunks = [", "fairdial.toml", id="no TOML"),
        pytest.param(b"\xff\xfe\x00", "fairdial.toml", id="no text"),
        pytest.param("trunk = 1", "trunk", id="an unknown key"),
        pytest.param('[[trunks]]\nname = "a"\nhost = "203.0.113.5"', "set live = true", id="a trunk off this machine"),
        pytest.param(
            '[[trunks]]\nname = "a"\nhost = "203.0.113.5"\nlive = true', "live_confirmed_by", id="nobody confirmed"
        ),
        pytest.param('[[trunks]]\nname = "a"', "needs a username", id="registers as nobody"),
        pytest.param('[[trunks]]\nname = "a"\ncodecs = ["mp3"]', "codecs", id="an unknown codec"),
        pytest.param('[[trunks]]\nname = "a"\nchannels = 0', "channels", id="no channels"),
        pytest.param('owned_numbers = ["555"]', "owned_numbers", id="a number without its country"),
        pytest.param("[asterisk]\nsip_port = 80", "sip_port", id="a port of the system's"),
    ],
)
def test_settings_that_cannot_be_used(program: Program, tmp_path: Path, text: str | bytes, says: str) -> None:
    (tmp_path / "fairdial.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert says in refused(program, "campaign", "status")


def test_a_settings_file_that_is_not_there(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRDIAL_CONFIG", "elsewhere.toml")
    assert "FAIRDIAL_CONFIG" in refused(program, "campaign", "status")


# --- the store -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [("campaign", "status"), ("suppress", "+14045550101"), ("stop", "--now"), ("run", "--quiet")]
)
def test_a_state_directory_that_cannot_be_written(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("FAIRDIAL_STATE_DIR", str(tmp_path / "file" / "var"))
    assert "file" in refused(program, *words)


def test_a_database_that_is_none(program: Program, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "fairdial.db").write_bytes(b"this is no database" * 100)
    assert "account store" in refused(program, "campaign", "status")


def test_a_database_that_does_not_answer(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRDIAL_DATABASE__URL", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    assert "database server" in refused(program, "campaign", "status")


def test_a_database_that_another_program_holds(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    created(program)
    monkeypatch.setattr("accounts.dialect.BUSY_TIMEOUT_S", 0.05)
    other = sqlite3.connect(tmp_path / "var" / "fairdial.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        told = refused(program, "campaign", "start", "Cards")
    finally:
        other.close()
    assert "again" in told
    assert program("campaign", "start", "Cards")[0] == 0


@contextmanager
def full_disk() -> Iterator[None]:
    """Databases may not grow any more, as on a full disk."""

    def limit(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")

    event.listen(Engine, "connect", limit)
    try:
        yield
    finally:
        event.remove(Engine, "connect", limit)


def test_a_full_disk_keeps_nothing_of_an_import_and_loses_nothing(program: Program, tmp_path: Path) -> None:
    created(program)
    rows = "".join(f"A{i},Person,+1404555{i:04d},30303,GA,10.00\n" for i in range(100, 2000))
    (tmp_path / "a.csv").write_text(CSV.splitlines()[0] + "\n" + rows, encoding="utf-8")
    with full_disk():
        assert "full" in refused(program, "import", "a.csv", "--client", "Bank", "--campaign", "Cards")
    status, told = program("import", "a.csv", "--client", "Bank", "--campaign", "Cards")
    assert (status, "1900 rows: 1900 new" in told) == (0, True), told


# --- Asterisk and the engine -----------------------------------------------------------------------------------------


def fake_asterisk(folder: Path, says: str) -> Path:
    """A program that only tells its version, with the folders that belong to it."""
    modules = folder / "lib" / "asterisk" / "modules"
    modules.mkdir(parents=True)
    (modules / "chan_pjsip.so").touch()
    binary = folder / "sbin" / "asterisk"
    binary.parent.mkdir()
    binary.write_text(f"#!/bin/sh\necho '{says}'\n")
    binary.chmod(0o755)
    return binary


@pytest.mark.parametrize("words", [("run", "--quiet"), ("trunk", "test", "+14045550101"), ("asterisk", "start")])
def test_an_asterisk_that_is_not_there(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("FAIRDIAL_ASTERISK__ROOT", str(tmp_path / "nothing"))
    assert "dialer asterisk install" in refused(program, *words)


def test_a_binary_that_is_no_program(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRDIAL_ASTERISK__BINARY", "/nowhere/asterisk")
    assert "asterisk.binary" in refused(program, "run", "--quiet")


@pytest.mark.parametrize("version", ["Asterisk 16.2.1", "something else", ""])
def test_an_asterisk_that_is_too_old(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setenv("FAIRDIAL_ASTERISK__BINARY", str(fake_asterisk(tmp_path / "old", version)))
    assert "20 or newer" in refused(program, "run", "--quiet")


def test_a_port_that_another_program_has(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dialer.asterisk.instance.Instance.render", lambda _self: None)
    monkeypatch.setenv("FAIRDIAL_ASTERISK__BINARY", str(fake_asterisk(tmp_path / "new", "Asterisk 22.1.0")))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        monkeypatch.setenv("FAIRDIAL_ASTERISK__SIP_PORT", str(port))
        assert f"UDP port {port}" in refused(program, "run", "--quiet")


class RefusesLogin(socketserver.StreamRequestHandler):
    """An Asterisk manager that knows another secret."""

    def handle(self) -> None:
        self.wfile.write(b"Asterisk Call Manager/11.0.0\r\n")
        asked = b"".join(iter(self.rfile.readline, b"\r\n"))
        (number,) = re.findall(rb"ActionID: (\S+)", asked)
        self.wfile.write(b"Response: Error\r\nActionID: " + number + b"\r\nMessage: Authentication failed\r\n\r\n")


def test_an_asterisk_that_refuses_the_secret(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "dialer.asterisk.instance.Instance.status", lambda self: Status(True, 1, self.place.folder, self.ports)
    )
    monkeypatch.setenv("FAIRDIAL_ASTERISK__BINARY", str(fake_asterisk(tmp_path / "new", "Asterisk 22.1.0")))
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), RefusesLogin) as manager:
        monkeypatch.setenv("FAIRDIAL_ASTERISK__AMI_PORT", str(manager.server_address[1]))
        serving = threading.Thread(target=manager.serve_forever)
        serving.start()
        try:
            told = refused(program, "run", "--quiet")
        finally:
            manager.shutdown()
            serving.join()
    assert "secret" in told


def test_a_second_engine_on_one_store_is_refused_before_anything_is_touched(program: Program, tmp_path: Path) -> None:
    created(program)
    first = open_store(tmp_path / "var" / "fairdial.db", SystemClock().now())
    first.lock_engine()
    try:
        assert "another engine" in refused(program, "run", "--quiet")
    finally:
        first.close()
    assert not (tmp_path / "var" / "asterisk").exists()


def test_no_trunk_in_the_settings(program: Program, tmp_path: Path) -> None:
    (tmp_path / "fairdial.toml").write_text("")
    assert "no trunk in fairdial.toml" in refused(program, "run", "--quiet")
    assert "no trunk in fairdial.toml" in refused(program, "trunk", "test", "+14045550101")


def test_a_trunk_whose_secret_is_missing(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRDIAL_ASTERISK__BINARY", str(fake_asterisk(tmp_path / "new", "Asterisk 22.1.0")))
    (tmp_path / "fairdial.toml").write_text('[[trunks]]\nname = "carrier"\nusername = "me"')
    assert "trunk-carrier" in refused(program, "run", "--quiet")


@pytest.mark.parametrize("number", ["+19115550100", "+12129111234", "+33140200000"])
def test_a_trunk_test_to_a_number_that_is_never_called(program: Program, number: str) -> None:
    assert "not called" in refused(program, "trunk", "test", number)


def test_the_doctor_says_what_is_wrong_and_does_not_stop_at_the_first_thing(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRDIAL_ASTERISK__ROOT", str(tmp_path / "nothing"))
    status, told = program("doctor")
    assert status == 1
    assert "dialer asterisk install" in told
    assert "rule packs" in told


def test_the_program_itself_ends_with_one_line_too(tmp_path: Path) -> None:
    environment = os.environ | {"FAIRDIAL_CONFIG": str(tmp_path / "nothing.toml")}
    root = Path(__file__).parents[3]
    ended = subprocess.run(
        [sys.executable, "-m", "dialer", "campaign", "status"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: FAIRDIAL_CONFIG")
    assert ended.stderr.count("\n") == 1
