"""The do-not-call list: every number given is on it, no other is, and a bad file changes nothing."""

from __future__ import annotations

import os
import random
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from compliance import dnc
from compliance.dnc import DncError

pytestmark = pytest.mark.unit

DAY = date(2026, 11, 1)


def _built(tmp_path: Path, text: bytes) -> dnc.DncFile:
    source, target = tmp_path / "source.txt", tmp_path / "list.dnc"
    source.write_bytes(text)
    dnc.build([source], target, DAY)
    return dnc.open_list(target)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"2125550147\nhello\n", 2),
        (b"2125550147\n\n1125550147\n", 3),
        (b"2121550147\n", 1),
        (b"212555014\n", 1),
        (b"2125550147\n442079460123\n", 2),
        (b"2" * 500, 1),
        (b"+12\n", 1),
        (b"2125550147\n2125550 47\n", 2),
        (b"2125550147\n2125550:47\n", 2),  # the sign after 9
        (b"2125550147\n212555/147\n", 2),  # the sign before 0
        (b"22125550147\n", 1),
        (b"212,5550147x\n", 1),
        (b"+123456\n", 1),
        (b"+234567\n", 1),
        (b"+2345678901234567\n", 1),
        (b"2125550147\n2125550147\n" + b"2" * 500, 3),
    ],
)
def test_a_line_that_is_no_number_is_named_and_nothing_is_built(tmp_path: Path, text: bytes, line: int) -> None:
    with pytest.raises(DncError, match=rf"source\.txt:{line}: "):
        _built(tmp_path, text)
    assert [path.name for path in tmp_path.iterdir()] == ["source.txt"]


def test_a_failed_build_leaves_the_old_list(tmp_path: Path) -> None:
    _built(tmp_path, b"2125550147\n")
    with pytest.raises(DncError):
        _built(tmp_path, b"nonsense\n")
    assert "+12125550147" in dnc.open_list(tmp_path / "list.dnc")


@pytest.mark.parametrize("content", [b"", b"{}", b"not a list", b'{"magic": "other"}'])
def test_another_file_is_not_taken_for_a_list(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.dnc"
    path.write_bytes(content)
    with pytest.raises(DncError, match="build it again"):
        dnc.open_list(path)


def test_a_list_cut_short_and_an_absent_one_are_refused(tmp_path: Path) -> None:
    listed = _built(tmp_path, b"+442079460123\n")
    with (tmp_path / "list.dnc").open("r+b") as handle:
        handle.truncate((tmp_path / "list.dnc").stat().st_size - 1)
    with pytest.raises(DncError, match="cut short"):
        dnc.open_list(listed.path)
    with pytest.raises(DncError, match="cannot be opened"):
        dnc.open_list(tmp_path / "absent.dnc")


@pytest.mark.parametrize(
    "text",
    [
        b"2125550147\n2125550148\n",
        b"212,5550147\n212,5550148\n",
        b"212,5550147\r\n212,5550148\r\n",
        b"+12125550147\n12125550148",
        b" 2125550147 \n\n212,5550148\n",
        b"2125550148\n2125550147\n2125550148\n",
    ],
)
def test_every_usual_form_is_read(tmp_path: Path, text: bytes) -> None:
    listed = _built(tmp_path, text)
    assert listed.count == 2
    assert listed.file_date == DAY
    assert "+12125550147" in listed
    assert "+12125550148" in listed
    assert "+12125550146" not in listed
    assert "+12125550149" not in listed


def test_the_edges_of_the_numbering_plan_have_their_places(tmp_path: Path) -> None:
    edges = ["2002000000", "2002000001", "9999999999", "2009999999", "2012000000", "2009990000"]
    listed = _built(tmp_path, "\n".join(edges).encode())
    assert listed.count == len(edges)
    assert all(f"+1{number}" in listed for number in edges)
    assert listed.contains_national(np.array([int(number) for number in edges], dtype=np.int64)).all()
    for absent in (
        "+12002000002",
        "+19999999998",
        "+11999999999",
        "+1200199999",
        "+1",
        "",
        "+1abc",
        "+12001000000",
        "+11992000000",
        "+11999990000",
    ):
        assert absent not in listed
    assert "+11992000000" not in listed
    assert "+11999990000" not in listed
    assert "+12011990000" not in listed  # an exchange below 200, which would be the place of 200-999
    assert not listed.contains_national(np.array([2011990000, 1999990000, -(10**12)], dtype=np.int64)).any()


def test_other_countries_are_found_too(tmp_path: Path) -> None:
    listed = _built(tmp_path, b"+442079460123\n+61255501234\n2125550147\n+442079460123\n")
    assert listed.count == 3
    assert "+442079460123" in listed
    assert "+442079460124" not in listed
    assert "+999999999999999" not in listed
    asked = [61255501234, 1, 442079460123, 999, 999999999999]
    found = listed.contains_foreign(np.array(asked, dtype=np.uint64))
    assert found.tolist() == [True, False, True, False, False]


def test_a_list_without_other_countries_knows_none_of_their_numbers(tmp_path: Path) -> None:
    listed = _built(tmp_path, b"2125550147\n")
    assert not listed.contains_foreign(np.array([0, 44], dtype=np.uint64)).any()
    assert "+0" not in listed
    assert "+44" not in listed


@pytest.mark.parametrize("digits", [b"2345678", b"234567890123456"])
def test_a_number_of_another_country_has_seven_to_fifteen_digits(tmp_path: Path, digits: bytes) -> None:
    assert f"+{digits.decode()}" in _built(tmp_path, b"+" + digits + b"\n")


def test_no_answer_is_false_over_many_numbers(tmp_path: Path) -> None:
    chosen = random.Random(7)
    numbers = sorted(
        {chosen.randrange(200, 220) * 10**7 + chosen.randrange(2_000_000, 9_999_999) for _ in range(20_000)}
    )
    told: list[int] = []
    source, target = tmp_path / "s", tmp_path / "t"
    source.write_text("".join(f"{number}\n" for number in numbers), encoding="ascii")
    assert dnc.build([source], target, DAY, told.append) == len(numbers)
    assert told == [11 * len(numbers)]
    listed = dnc.open_list(target)
    every = np.array(numbers, dtype=np.int64)
    assert listed.contains_national(every).all()
    near = np.setdiff1d(np.concatenate((every - 1, every + 1, every + 8)), every)
    assert not listed.contains_national(near).any()
    never = [0, -5, 1999999999, 1992000000, 2121550147, 2121999999, 10**10, 10_002_000_000, 99_992_000_000]
    assert not listed.contains_national(np.array(never, dtype=np.int64)).any()
    assert listed.contains_foreign(np.array([44], dtype=np.uint64)).tolist() == [False]


# --- reading and writing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["{0}{1}{2}\n", "{0},{1}{2}\n", "{0},{1}{2}\r\n"])
def test_lines_of_one_usual_form_are_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """One by one a list of 250 million numbers would take an hour."""

    def never(_: int) -> int:
        raise AssertionError("read one by one")

    monkeypatch.setattr(dnc, "_index", never)
    numbers = ["2345678901", "2002000000", "9999999999"]
    listed = _built(tmp_path, "".join(form.format(n[:3], n[3:6], n[6:]) for n in numbers).encode())
    assert listed.count == 3
    assert listed.contains_national(np.array([int(number) for number in numbers], dtype=np.int64)).all()


def test_a_number_at_the_first_place_is_read_among_lines_of_any_form(tmp_path: Path) -> None:
    listed = _built(tmp_path, b" 2002000000 \n2125550147\n")
    assert "+12002000000" in listed
    assert listed.count == 2


def test_a_file_is_read_across_the_borders_of_its_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dnc, "_CHUNK", 25)
    numbers = [2125550100 + n for n in range(20)]
    source, told = tmp_path / "s.txt", list[int]()
    source.write_bytes("\n".join(map(str, numbers)).encode())
    dnc.build([source, source], tmp_path / "list.dnc", DAY, told.append)
    assert dnc.open_list(tmp_path / "list.dnc").contains_national(np.array(numbers, dtype=np.int64)).all()
    assert told == sorted(told)
    assert told[-1] == 2 * source.stat().st_size
    source.write_bytes(source.read_bytes().replace(b"2125550117", b"2121550117"))
    with pytest.raises(DncError, match=r"s\.txt:18: "):
        dnc.build([source], tmp_path / "list.dnc", DAY)


def test_a_line_without_an_end_is_refused_before_all_of_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dnc, "_CHUNK", 100)
    with pytest.raises(DncError, match=r"source\.txt:2: a line of a few digits is expected"):
        _built(tmp_path, b"2125550147\n" + b"2" * 1000 + b"\n2125550147\n")


def test_a_list_is_laid_out_as_it_was_in_every_version(tmp_path: Path) -> None:
    """Lists are built once a month and read by whatever version runs then."""
    _built(tmp_path, b"2125550147\n+442079460123\n")
    path = tmp_path / "list.dnc"
    place = ((212 - 200) * 800 + 555 - 200) * 10_000 + 147
    assert path.stat().st_size == 4096 + 800_000_000 + 8
    with path.open("rb") as handle:
        assert handle.read(4096).startswith(b'{"magic": "fairdial-dnc-1", "file_date": "2026-11-01"')
        handle.seek(4096 + place // 8)
        assert handle.read(1)[0] == 1 << place % 8
        handle.seek(4096 + 800_000_000)
        assert int.from_bytes(handle.read(8), "little") == 442079460123


def test_a_list_of_another_layout_is_not_read(tmp_path: Path) -> None:
    path = _built(tmp_path, b"2125550147\n").path
    with path.open("r+b") as handle:
        handle.write(b'{"magic": "fairdial-dnc-2"')
    with pytest.raises(DncError, match="build it again"):
        dnc.open_list(path)


def test_a_list_is_on_the_disk_before_it_takes_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, bool]] = []

    def synced(handle: int) -> None:
        seen.append((os.fstat(handle).st_size, (tmp_path / "list.dnc").exists()))

    monkeypatch.setattr(os, "fsync", synced)
    _built(tmp_path, b"2125550147\n+442079460123\n")
    assert seen == [(4096 + 800_000_000 + 8, False)]


def test_building_leaves_no_file_open(tmp_path: Path) -> None:
    source = tmp_path / "source.txt"
    source.write_bytes(b"2125550147\n")
    before = len(list(Path("/proc/self/fd").iterdir()))
    dnc.build([source], tmp_path / "list.dnc", DAY)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_source_that_is_not_there_and_a_target_that_cannot_be_are_named(tmp_path: Path) -> None:
    source, folder = tmp_path / "source.txt", tmp_path / "folder"
    with pytest.raises(DncError, match=r"source\.txt: cannot be read: No such file"):
        dnc.build([source], tmp_path / "list.dnc", DAY)
    source.write_bytes(b"2125550147\n")
    folder.mkdir()
    with pytest.raises(DncError, match="folder: cannot be built: Is a directory"):
        dnc.build([source], folder, DAY)
    with pytest.raises(DncError, match="absent/list: cannot be built: No such file"):
        dnc.build([source], tmp_path / "absent" / "list", DAY)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "source.txt"]
