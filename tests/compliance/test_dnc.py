"""The do-not-call list: every number given is on it, no other is, and a bad file changes nothing."""

from __future__ import annotations

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
    edges = ["2002000000", "2002000001", "9999999999", "2009999999", "2012000000"]
    listed = _built(tmp_path, "\n".join(edges).encode())
    assert listed.count == len(edges)
    assert all(f"+1{number}" in listed for number in edges)
    for absent in ("+12002000002", "+19999999998", "+11999999999", "+1200199999", "+1", "", "+1abc", "+12001000000"):
        assert absent not in listed


def test_other_countries_are_found_too(tmp_path: Path) -> None:
    listed = _built(tmp_path, b"+442079460123\n+61255501234\n2125550147\n+442079460123\n")
    assert listed.count == 3
    assert "+442079460123" in listed
    assert "+442079460124" not in listed
    assert "+999999999999999" not in listed
    found = listed.contains_foreign(np.array([61255501234, 1, 442079460123, 999], dtype=np.uint64))
    assert found.tolist() == [True, False, True, False]


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
    assert not listed.contains_national(np.array([0, -5, 1999999999, 2121550147, 10**10], dtype=np.int64)).any()
    assert listed.contains_foreign(np.array([44], dtype=np.uint64)).tolist() == [False]
