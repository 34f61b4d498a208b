"""How true the clock is: what chrony says, what the store's server says, and what follows where nobody can say."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer import clock_watch
from dialer.clock_watch import ClockWatch, Reading, ask_chrony, chrony_offset

pytestmark = pytest.mark.unit

LINE = (
    "A29FC87B,162.159.200.123,4,1763800000.123456789,{offset},-0.000000123,0.000045678,"
    "-12.345,0.001,0.045,{delay},{dispersion},64.2,{leap}\n"
)


def line(offset="0.000012345", delay="0.012", dispersion="0.001", leap="Normal"):
    return LINE.format(offset=offset, delay=delay, dispersion=dispersion, leap=leap)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "506 Cannot talk to daemon\n",
        line(leap="Not synchronised"),
        line(offset="soon"),
        line(offset="nan"),
        line(offset="1e400"),
        line(dispersion="2.5"),
        line(delay="4.1", dispersion="0"),
        "1,2,3\n",
        line().strip() + ",15\n",
    ],
)
def test_what_chrony_does_not_know_is_not_known(text):
    assert chrony_offset(text) is None


@given(milliseconds=st.integers(-86_400_000, 86_400_000))
def test_chronys_offset_is_read_as_it_is_written(milliseconds):
    assert chrony_offset(line(offset=f"{milliseconds / 1000:.9f}")) == timedelta(milliseconds=milliseconds)


@pytest.mark.parametrize("leap", ["Normal", "Insert second", "Delete second"])
def test_a_leap_second_ahead_is_no_trouble(leap):
    assert chrony_offset(line(offset="-1.25", leap=leap)) == timedelta(seconds=-1.25)


def test_chrony_answers_through_its_own_program(tmp_path, monkeypatch):
    program = tmp_path / "chronyc"
    program.write_text(f"#!/bin/sh\nprintf '%s' '{line(offset='3.5').strip()}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert asyncio.run(ask_chrony()) == Reading(timedelta(seconds=3.5), "chrony")


@pytest.mark.parametrize("body", [None, "#!/bin/sh\nexit 1\n", "not a program"])
def test_without_an_answer_of_chrony_there_is_none(tmp_path, monkeypatch, body):
    if body is not None:
        (tmp_path / "chronyc").write_text(body)
        (tmp_path / "chronyc").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert asyncio.run(ask_chrony()) is None


def test_a_chrony_that_does_not_answer_is_ended(tmp_path, monkeypatch):
    program = tmp_path / "chronyc"
    program.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(clock_watch, "DEADLINE_S", 0.05)
    assert asyncio.run(ask_chrony()) is None


def says(seconds, by="chrony"):
    async def ask():
        return None if seconds is None else Reading(timedelta(seconds=seconds), by)

    return ask


def looked(*sources, live=frozenset()):
    watch = ClockWatch(sources, live)
    asyncio.run(watch.look())
    return watch


@pytest.mark.parametrize("seconds", [0.0, 2.0, -2.0])
def test_two_seconds_are_allowed(seconds):
    watch = looked(says(seconds), live=frozenset({"carrier"}))
    assert (watch.trouble, watch.warning, watch.trouble_for(["carrier"])) == ("", "", "")


@pytest.mark.parametrize(("seconds", "way"), [(2.001, "2.0 s behind"), (-7.25, "7.2 s ahead")])
def test_more_than_two_seconds_stop_everything(seconds, way):
    watch = looked(says(seconds))
    assert way in watch.trouble
    assert watch.trouble_for(["loopback"]) == watch.trouble


def test_the_first_clock_with_an_answer_is_believed():
    watch = looked(says(None), says(9.0, "PostgreSQL"), says(0.0))
    assert "by PostgreSQL" in watch.trouble


def test_an_unknown_clock_holds_only_calls_that_leave_this_machine():
    watch = looked(says(None), live=frozenset({"carrier"}))
    assert watch.trouble == ""
    assert "install chrony" in watch.warning
    assert watch.trouble_for(["loopback"]) == ""
    assert watch.trouble_for(["loopback", "carrier"]).endswith("until then nothing is dialed by carrier")


def test_before_the_first_look_nothing_is_known():
    assert ClockWatch([], frozenset({"carrier"})).trouble_for(["carrier"])


def test_it_looks_again_every_minute(monkeypatch):
    answers = iter([0.0, 5.0])
    pauses = []

    async def ask():
        return Reading(timedelta(seconds=next(answers)), "chrony")

    async def pause(seconds):
        pauses.append(seconds)
        if len(pauses) == 2:
            raise asyncio.CancelledError

    monkeypatch.setattr(clock_watch.asyncio, "sleep", pause)
    watch = ClockWatch([ask])
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(watch.run())
    assert pauses == [60.0, 60.0]
    assert "5.0 s behind" in watch.trouble
