"""Nothing is dialed while the clock is wrong, rules are expired or the registry is stale; every surface says why."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from io import StringIO

import pytest
from prometheus_client import CollectorRegistry
from rich.console import Console

import compliance
from accounts import campaigns
from compliance import PolicyError
from dialer import app as application_parts
from dialer import engine_status
from dialer.app import status_of
from dialer.clock_watch import ClockWatch, Reading
from dialer.holds import StandingHolds
from dialer.live_view import render
from dialer.live_watch import LiveWatch
from dialer.room_watch import RoomWatch
from dialer.testing import world
from dialer.testing.operated import app_of
from dialer.testing.simulated_switch import Script
from dialer.testing.world import TUESDAY, Setup, World, settings
from domain.telephony import RecordingMode
from recordings.capture import Capture
from recordings.catalogue import MemoryCatalogue
from recordings.objects import FolderStore
from web.operations import application

from .asgi import get

pytestmark = pytest.mark.engine

POLICY = compliance.load_policy()
TODAY = TUESDAY.date()


class Dial:
    """A clock source whose answer a scenario sets."""

    def __init__(self, seconds):
        self.seconds = seconds

    async def __call__(self):
        return None if self.seconds is None else Reading(timedelta(seconds=self.seconds), "chrony")


def expired(last):
    packs = [replace(pack, expires=last) if pack.country == "US" else pack for pack in POLICY.packs]
    return compliance.Policy(packs, POLICY.places, POLICY.holidays, POLICY.tzdata)


def held_by(dial, policy=POLICY, live=frozenset()):
    """Holds around a dial, looked at once before the engine starts, as `running` does."""
    watch = ClockWatch([dial], live)
    asyncio.run(watch.look())
    return watch, lambda clock: StandingHolds(watch, policy, clock, RoomWatch((), 0))


async def surfaces(w, folder):
    """What the live view, `campaign why` and /ready say."""
    capture = Capture(folder, folder, FolderStore(folder / "objects"), MemoryCatalogue(), w.clock)
    console = Console(file=StringIO(), width=400)
    console.print(render(LiveWatch(w.engine, w.floor, capture, CollectorRegistry(), w.clock).take()))
    (status,) = w.engine.status().values()
    answer = await get(application(app_of(w, folder)), "/ready")
    return {
        "live view": console.file.getvalue(),
        "campaign why": status_of(w.engine, w.floor).words_for(status.campaign),
        "ready": " ".join(answer.json["reasons"]),
        "code": answer.status,
    }


HELD = [
    ("clock", {}, Dial(3.0), POLICY, frozenset(), "the clock is 3.0 s behind by chrony"),
    ("unknown, live", {}, Dial(None), POLICY, frozenset({"carrier"}), "until then nothing is dialed by carrier"),
    ("expired", {}, Dial(0.0), expired(TODAY - timedelta(days=1)), frozenset(), "the rules of US (2026.11) expired on"),
    (
        "stale",
        {"purpose": "telemarketing", "national_dnc_file_date": TODAY - timedelta(days=32)},
        Dial(0.0),
        POLICY,
        frozenset(),
        "is 32 days old, at most 31 are allowed",
    ),
    ("no file", {"purpose": "telemarketing"}, Dial(0.0), POLICY, frozenset(), "the do-not-call file is not known"),
]


@pytest.mark.parametrize(
    ("changes", "dial", "policy", "live", "words"), [row[1:] for row in HELD], ids=[row[0] for row in HELD]
)
def test_nothing_is_dialed_and_every_surface_says_why(tmp_path, changes, dial, policy, live, words):
    _, holds = held_by(dial, policy, live)

    async def scenario(w: World):
        await w.until(lambda: w.clock.monotonic() > 30)
        return w.switch.originated, w.seen.refusals, await surfaces(w, tmp_path)

    setup = Setup(tmp_path, settings(**changes), agents=1, accounts=3, holds=holds)
    originated, refusals, said = world.run(setup, scenario)
    assert (originated, refusals) == ([], [])
    assert words in said["live view"]
    assert words in said["campaign why"]
    assert words in said["ready"]
    assert said["code"] == 503


def test_an_engine_whose_name_may_be_another_ones_dials_nothing_until_it_has_it_again_and_says_so(tmp_path):
    trouble = ["an engine of the name 'engine' already runs"]
    watch, _ = held_by(Dial(0.0))

    async def scenario(w: World):
        await w.until(lambda: w.clock.monotonic() > 30)
        before, said = list(w.switch.originated), await surfaces(w, tmp_path)
        trouble[:] = [""]
        await w.until_finished(1)
        return before, said

    def holds(clock):
        return StandingHolds(watch, POLICY, clock, RoomWatch((), 0), lambda: trouble[0])

    setup = Setup(tmp_path, settings(), agents=1, accounts=3, holds=holds, script_for=lambda _number: Script(talk_s=2))
    before, said = world.run(setup, scenario)
    assert before == []
    assert all("already runs" in said[surface] for surface in ("live view", "campaign why", "ready"))
    assert said["code"] == 503


def test_an_unknown_clock_only_warns_where_calls_stay_on_this_machine(tmp_path):
    _, holds = held_by(Dial(None))

    async def scenario(w: World):
        await w.until_finished(1)
        return await surfaces(w, tmp_path)

    setup = Setup(tmp_path, settings(), agents=1, accounts=3, holds=holds, script_for=lambda _number: Script(talk_s=2))
    said = world.run(setup, scenario)
    assert "install chrony" in said["live view"]
    assert "install chrony" in said["campaign why"]
    assert (said["ready"], said["code"]) == ("", 200)


def test_a_clock_set_right_lets_dialing_go_on_and_calls_that_are_up_are_not_touched(tmp_path):
    dial = Dial(0.0)
    watch, holds = held_by(dial)

    async def scenario(w: World):
        await w.until(lambda: len(w.switch.originated) == 1)
        dial.seconds = -4.0
        await watch.look()
        finished = await w.until_finished(1)
        await w.until(lambda: w.clock.monotonic() > 60)
        during = len(w.switch.originated)
        dial.seconds = 0.0
        await watch.look()
        await w.until_finished(2)
        return finished[0].record.talk_s, during, len(w.switch.originated) > during

    setup = Setup(
        tmp_path,
        settings(wrap_up_s=1.0),
        agents=1,
        accounts=3,
        holds=holds,
        script_for=lambda _number: Script(ring_s=2, talk_s=20),
    )
    talked, during, on_again = world.run(setup, scenario)
    assert talked == pytest.approx(20, abs=1)
    assert (during, on_again) == (1, True)


def test_recorded_calls_wait_for_room_and_go_on_when_there_is_some(tmp_path):
    free = {"bytes": 0}
    room = RoomWatch((tmp_path,), 1_000_000, lambda _folder: free["bytes"])
    asyncio.run(room.look())

    async def scenario(w: World):
        await w.until(lambda: w.clock.monotonic() > 30)
        during, said = len(w.switch.originated), await surfaces(w, tmp_path)
        free["bytes"] = 2_000_000
        await room.look()
        await w.until_finished(1)
        return during, said

    def holds(clock):
        return StandingHolds(ClockWatch([Dial(0.0)]), POLICY, clock, room)

    recorded = settings(recording=RecordingMode.RECORD)
    setup = Setup(tmp_path, recorded, agents=1, accounts=3, holds=holds, script_for=lambda _number: Script(talk_s=2))
    during, said = world.run(setup, scenario)
    assert during == 0
    assert "recordings have 0 MB left" in said["campaign why"]
    assert "make room" in said["ready"]


def test_calls_that_are_not_recorded_need_no_room(tmp_path):
    room = RoomWatch((tmp_path,), 1_000_000, lambda _folder: 0)
    asyncio.run(room.look())

    async def scenario(w: World):
        return len(await w.until_finished(1))

    def holds(clock):
        return StandingHolds(ClockWatch([Dial(0.0)]), POLICY, clock, room)

    bare = settings(recording=RecordingMode.OFF)
    setup = Setup(tmp_path, bare, agents=1, accounts=3, holds=holds, script_for=lambda _number: Script(talk_s=2))
    assert world.run(setup, scenario) >= 1


def test_a_campaign_that_is_held_leaves_the_engine_ready_for_the_others(tmp_path):
    _, holds = held_by(Dial(0.0))

    async def scenario(w: World):
        solicits = settings(purpose="telemarketing")
        other = await w.store.write(campaigns.create, "other", solicits, w.clock.now())
        await w.store.write(campaigns.move, other, "start")
        await w.until(lambda: len(w.engine.status()) == 2)
        await w.until_finished(1)
        words = {status.campaign.name: status.words for status in w.engine.status().values()}
        return (await get(application(app_of(w, tmp_path)), "/ready")).status, words

    setup = Setup(tmp_path, settings(), agents=1, accounts=2, holds=holds, script_for=lambda _n: Script(talk_s=2))
    ready, words = world.run(setup, scenario)
    assert ready == 200
    assert "do-not-call file" in words["other"]
    assert "do-not-call file" not in words["scenario"]


def test_zone_data_that_is_too_old_refuses_the_start_and_why_says_so(tmp_path, monkeypatch):
    def refuse():
        raise PolicyError("time-zone data 2025b is older than 2026f; upgrade the tzdata package")

    monkeypatch.setattr(compliance, "load_policy", refuse)
    with pytest.raises(PolicyError, match="2025b is older"):
        application_parts._policy(tmp_path)

    async def scenario(w: World):
        await w.until(lambda: bool(w.engine.status()))
        (status,) = w.engine.status().values()
        return engine_status.read(tmp_path).words_for(status.campaign)

    words = world.run(Setup(tmp_path, settings(), agents=0, accounts=0), scenario)
    assert words.startswith("no engine is running: the last one would not start; time-zone data 2025b")


def test_the_last_day_of_the_rules_is_that_of_the_campaigns_zone(tmp_path):
    _, holds = held_by(Dial(0.0), expired(date(2026, 11, 23)))
    west = settings(zone="Pacific/Pago_Pago")  # where Tuesday 15:00 UTC is still early on Tuesday
    assert "expired" in holds(_At(TUESDAY)).campaign(west)
    assert holds(_At(TUESDAY - timedelta(hours=5))).campaign(west) == ""


class _At:
    def __init__(self, instant):
        self.instant = instant

    def now(self):
        return self.instant

    def monotonic(self):
        return 0.0
