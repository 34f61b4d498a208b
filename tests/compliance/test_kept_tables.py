"""Tables kept between two starts: the same as made anew, and never believed when anything about them is odd."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from compliance.tables import loader, postal

pytestmark = pytest.mark.unit

TABLE = loader.read_table("places.toml")


def clean(zones: object) -> tuple[str, ...]:
    return loader._clean(zones, TABLE["corrections"]["same"])


@pytest.fixture(scope="module")
def anew() -> postal.Postal:
    return postal.load_postal(TABLE, clean, None)


@pytest.fixture
def kept(tmp_path: Path, anew: postal.Postal) -> Path:
    """A folder in which the tables are kept."""
    made = postal._written(anew, postal._fingerprint(TABLE))
    postal._keep(tmp_path / "postal-tables.json", made)
    return tmp_path


def refuse_to_make(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(*_: object) -> postal.Postal:
        raise AssertionError("made anew")

    monkeypatch.setattr(postal, "_make", make)


def with_digest(body: bytes) -> bytes:
    return f"{postal._fingerprint(TABLE)} {hashlib.sha256(body).hexdigest()}\n".encode() + body


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 100,
        b"no line end",
        with_digest(b"{}"),
        with_digest(b"[]"),
        with_digest(b"not json"),
        with_digest(b'{"places": [], "codes": ["10001"], "place_of_code": [0]}'),
    ],
    ids=["empty", "zeros", "one line", "nothing in it", "a list", "no JSON", "a place that is not there"],
)
def test_a_file_that_makes_no_sense_is_made_anew_and_replaced(
    tmp_path: Path, anew: postal.Postal, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "postal-tables.json").write_bytes(content)
    monkeypatch.setattr(postal, "_make", lambda *_: anew)
    assert postal.load_postal(TABLE, clean, tmp_path) == anew
    assert postal._read((tmp_path / "postal-tables.json").read_bytes(), postal._fingerprint(TABLE)) == anew


def test_one_wrong_byte_is_noticed(kept: Path) -> None:
    data = bytearray((kept / "postal-tables.json").read_bytes())
    data[len(data) // 2] ^= 1
    with pytest.raises(ValueError, match="damaged"):
        postal._read(bytes(data), postal._fingerprint(TABLE))


def test_tables_of_another_release_of_the_library_or_of_other_corrections_are_not_used(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = (kept / "postal-tables.json").read_bytes()
    with pytest.raises(ValueError, match="something else"):
        postal._read(data, postal._fingerprint({**TABLE, "corrections": {}}))
    monkeypatch.setattr(postal.metadata, "version", lambda _name: "0.0.1")
    with pytest.raises(ValueError, match="something else"):
        postal._read(data, postal._fingerprint(TABLE))


def test_a_folder_that_cannot_be_written_costs_time_and_nothing_else(
    tmp_path: Path, anew: postal.Postal, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(postal, "_make", lambda *_: anew)
    assert postal.load_postal(TABLE, clean, tmp_path / "file" / "cache") == anew


def test_what_was_kept_is_what_would_be_made(kept: Path, anew: postal.Postal, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_to_make(monkeypatch)
    assert postal.load_postal(TABLE, clean, kept) == anew
    assert (kept / "postal-tables.json").stat().st_mode & 0o077 == 0
    assert [file.name for file in kept.iterdir()] == ["postal-tables.json"]


def test_a_folder_that_is_not_there_yet_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "cache"
    postal._keep(folder / "postal-tables.json", b"tables")
    postal._keep(folder / "postal-tables.json", b"newer tables")
    assert (folder / "postal-tables.json").read_bytes() == b"newer tables"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_write_that_fails_leaves_what_was_there_and_nothing_beside_it(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (kept / "postal-tables.json").read_bytes()

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        postal._keep(kept / "postal-tables.json", b"newer tables")
    assert [file.name for file in kept.iterdir()] == ["postal-tables.json"]
    assert (kept / "postal-tables.json").read_bytes() == before
