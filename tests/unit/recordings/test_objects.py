"""The object store's promises: whole or not at all, private, never replaced, never outside its folder."""

import errno
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ids import AttemptId, is_call_id
from recordings.objects import FolderStore, NoSpaceError, ObjectStoreError, recording_key
from tests.unit.recordings.sound import ATTEMPT

pytestmark = pytest.mark.unit


def source(folder: Path, content: bytes) -> Path:
    path = folder / "source"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "../up", "a/../b", "a//b", "a/", ".hidden", "a/.b", "A", "a b", "a\nb", "a\0b", "ä", "x" * 201],
)
def test_a_hostile_key_is_refused(tmp_path: Path, key: str) -> None:
    store = FolderStore(tmp_path / "objects")
    with pytest.raises(ObjectStoreError, match="not an object key"):
        store.put(key, source(tmp_path, b"x"))
    assert list((tmp_path / "objects").iterdir()) == []


def test_different_content_never_replaces_an_object(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "objects")
    store.put("a/b.wav", source(tmp_path, b"first"))
    later = source(tmp_path, b"second")
    with pytest.raises(ObjectStoreError, match="different content"):
        store.put("a/b.wav", later)
    assert later.read_bytes() == b"second"
    with store.open("a/b.wav") as file:
        assert file.read() == b"first"


def test_an_absent_object_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ObjectStoreError, match="no object a/b"):
        FolderStore(tmp_path).open("a/b")


def test_a_full_disk_keeps_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path / "objects")
    file = source(tmp_path, b"x")

    def full(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(NoSpaceError, match="no space left"):
        store.put("a/b", file)
    assert file.read_bytes() == b"x"
    assert not store.exists("a/b")


def test_another_file_system_is_copied_to_and_leaves_no_part_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderStore(tmp_path / "objects")
    file = source(tmp_path, b"content")
    rename = Path.rename

    def across(self: Path, target: Path) -> Path:
        if self == file:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", across)
    store.put("a/b", file)
    assert [path.name for path in (tmp_path / "objects/a").iterdir()] == ["b"]
    assert (tmp_path / "objects/a/b").read_bytes() == b"content"
    assert not file.exists()


def test_the_same_content_twice_is_no_error(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "objects")
    store.put("a/b", source(tmp_path, b"x" * 100_000))
    store.put("a/b", source(tmp_path, b"x" * 100_000))
    assert not (tmp_path / "source").exists()


def test_objects_are_their_owners_alone(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "objects")
    store.put("2026/11/a.wav", source(tmp_path, b"x"))
    modes = {path.relative_to(tmp_path).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes == {"objects": 0o700, "objects/2026": 0o700, "objects/2026/11": 0o700, "objects/2026/11/a.wav": 0o600}


@pytest.mark.parametrize("name", ["", "../../etc", "A" * 32, "0" * 31, "0" * 33, "0" * 31 + "\n", "0" * 31 + "/"])
def test_a_key_is_made_of_attempt_ids_only(name: str) -> None:
    with pytest.raises(ObjectStoreError, match="not an attempt id"):
        recording_key(AttemptId(name), ".wav")


def test_a_key_begins_with_the_day_of_the_attempt() -> None:
    assert recording_key(ATTEMPT, ".wav") == f"2024/11/03/{ATTEMPT}.wav"


@given(value=st.integers(0, 2**128 - 1))
def test_every_attempt_id_makes_a_key_that_a_store_takes(tmp_path_factory: pytest.TempPathFactory, value: int) -> None:
    attempt = f"{value:032x}"
    assert is_call_id(attempt)
    assert not FolderStore(tmp_path_factory.getbasetemp() / "keys").exists(recording_key(AttemptId(attempt), ".wav"))
