"""Settings become configuration, and nothing hostile does."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.asterisk.checks import applications_check, dialplan_words, version_check
from dialer.asterisk.errors import AsteriskError
from dialer.asterisk.instance import AMI_USER, Place
from dialer.asterisk.ports import PortBlock
from dialer.asterisk.render import TEMPLATES, environment, render_folder
from dialer.asterisk.root import PrivateRoot
from dialer.asterisk.settings import (
    AgentPhone,
    AsteriskSettings,
    Identity,
    NumberFormat,
    Registration,
    SessionTimers,
    SipTrunk,
)
from domain.phone import PhoneNumber

pytestmark = pytest.mark.unit
NUMBER = PhoneNumber("+12025550199")
SETTINGS = AsteriskSettings(
    state=Path("/state"),
    ports=PortBlock(10_000).instance(0),
    identity=Identity("Acme Services", NUMBER),
    trunks=(
        SipTrunk(name="carrier", host="127.0.0.1", port=5070, registration=Registration("fairdial", "a-good-secret")),
        SipTrunk(name="byaddress", host="192.0.2.7"),
    ),
    agents=(AgentPhone("alice", "alice-secret"),),
    owned_numbers=(NUMBER,),
)


class FakeRoot(PrivateRoot):
    """A root whose folders need not exist."""

    @property
    def modules(self) -> Path:
        return self.path / "modules"


def render(settings: AsteriskSettings = SETTINGS) -> dict[str, str]:
    values = {
        "settings": settings,
        "place": Place(Path("/state/dialer")),
        "program": FakeRoot(Path("/root")),
        "ami_user": AMI_USER,
        "ami_secret": "0123456789abcdef",
    }
    return render_folder(values)


HOSTILE = ["x\nexten => s", "x;y", "x]", "x y", "", "x\0y", "[x", "x\r", "${SHELL(id)}", "x,y", "é", "x\n"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_trunk_name_is_refused(text: str) -> None:
    with pytest.raises(AsteriskError):
        render(replace(SETTINGS, trunks=(SipTrunk(name=text, host="127.0.0.1"),)))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_host_is_refused(text: str) -> None:
    with pytest.raises(AsteriskError):
        render(replace(SETTINGS, trunks=(SipTrunk(name="carrier", host=text),)))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_agent_name_is_refused(text: str) -> None:
    with pytest.raises(AsteriskError):
        render(replace(SETTINGS, agents=(AgentPhone(text, "alice-secret"),)))


@pytest.mark.parametrize("text", [*HOSTILE, "ab"])
def test_a_hostile_secret_is_refused_and_not_repeated(text: str) -> None:
    settings = replace(SETTINGS, agents=(AgentPhone("alice", f"{text}-q7"),))
    with pytest.raises(AsteriskError) as refused:
        render(settings)
    assert "-q7" not in str(refused.value)


def test_a_name_used_twice_is_refused() -> None:
    with pytest.raises(AsteriskError, match="carrier"):
        replace(SETTINGS, agents=(AgentPhone("carrier", "alice-secret"),))


def test_an_unknown_codec_is_refused() -> None:
    with pytest.raises(AsteriskError, match="codec"):
        SipTrunk(name="carrier", host="127.0.0.1", codecs=("ulaw\nallow=all",))


def test_a_value_without_a_filter_is_refused() -> None:
    with pytest.raises(AsteriskError, match="without a filter"):
        environment().from_string("{{ name }}").render(name="harmless")


@given(st.text(min_size=1, max_size=30))
def test_no_text_whatever_adds_a_line_or_a_section(text: str) -> None:
    template = environment().from_string("[{{ name | word }}]")
    try:
        rendered = template.render(name=text)
    except AsteriskError:
        return
    assert re.fullmatch(r"\[[A-Za-z0-9_.-]+\]", rendered)


def test_every_file_is_rendered_and_none_has_a_mark_left() -> None:
    files = render()
    assert set(files) == {path.name.removesuffix(".j2") for path in TEMPLATES.glob("*.conf*")}
    assert not [name for name, text in files.items() if "{{" in text or "{%" in text]


def test_a_trunk_by_registration_registers_and_one_by_address_does_not() -> None:
    text = render()["pjsip.conf"]
    assert "client_uri = sip:fairdial@127.0.0.1:5070" in text
    assert "match = 192.0.2.7" in text
    assert text.count("type = registration") == 1


def test_only_owned_numbers_are_answered() -> None:
    inbound = render()["extensions.conf"].split("[fd-inbound]")[1].split("[fd-called-back]")[0]
    assert re.findall(r"exten => (\S+?),", inbound) == [NUMBER.digits, NUMBER.e164]


def test_the_control_connection_has_least_rights() -> None:
    text = render()["manager.conf"]
    granted = set(re.findall(r"(?m)^(?:read|write) = (.*)$", text)[0].split(","))
    granted |= set(re.findall(r"(?m)^write = (.*)$", text)[0].split(","))
    assert "bindaddr = 127.0.0.1" in text
    assert not granted & {"all", "command", "config", "agi", "dialplan"}
    assert "system" not in re.findall(r"(?m)^write = (.*)$", text)[0]


def test_logs_take_warnings_and_errors_only() -> None:
    assert re.findall(r"(?m)^\S+ => (.*)$", render()["logger.conf"]) == ["warning,error"]


def test_the_dialplan_names_no_application_that_runs_programs() -> None:
    assert not dialplan_words(render()["extensions.conf"]) & {
        "System",
        "TrySystem",
        "AGI",
        "EAGI",
        "SHELL",
        "Originate",
    }


def test_the_check_finds_an_application_that_is_not_loaded() -> None:
    found = applications_check("exten => s,1,AMD()\n same => n,Hangup()", "   Hangup: Hang up", "")
    assert not found.ok
    assert "AMD" in found.advice


@pytest.mark.parametrize("said", ["Asterisk 18.9.0 built", "", "something else"])
def test_the_check_refuses_an_old_or_mute_asterisk(said: str) -> None:
    assert not version_check(said).ok


def test_the_check_accepts_a_new_asterisk() -> None:
    assert version_check("Asterisk 22.10.1+dfsg built by").ok


def trunk_section(text: str, name: str) -> str:
    return text.split(f"[{name}](media)")[1].split("type = identify", maxsplit=1)[0]


def test_a_trunk_that_only_answers_challenges_does_not_register() -> None:
    trunk = SipTrunk(name="second", host="192.0.2.8", digest=Registration("4711", "trunk-secret"))
    section = trunk_section(render(replace(SETTINGS, trunks=(trunk,)))["pjsip.conf"], "second")
    assert "outbound_auth = second" in section
    assert "username = 4711" in section
    assert "type = registration" not in section


def test_a_trunk_may_not_both_register_and_have_a_digest_of_its_own() -> None:
    known = Registration("4711", "trunk-secret")
    with pytest.raises(AsteriskError, match="not both"):
        SipTrunk(name="second", host="192.0.2.8", registration=known, digest=known)


def test_timers_symmetric_media_and_qualify_are_the_trunks_own() -> None:
    trunk = SipTrunk(
        name="second", host="192.0.2.8", session_timers=SessionTimers.REQUIRED, symmetric_rtp=False, qualify_s=15
    )
    section = trunk_section(render(replace(SETTINGS, trunks=(trunk,)))["pjsip.conf"], "second")
    assert "timers = required" in section
    assert "rtp_symmetric = no" in section
    assert "qualify_frequency = 15" in section


def test_the_outside_address_is_told_to_everyone_but_the_local_networks() -> None:
    text = render(replace(SETTINGS, external_address="198.51.100.20", local_networks=("10.0.0.0/8",)))["pjsip.conf"]
    assert "external_media_address = 198.51.100.20" in text
    assert "external_signaling_address = 198.51.100.20" in text
    assert "local_net = 10.0.0.0/8" in text
    assert "external_" not in render()["pjsip.conf"]


@pytest.mark.parametrize("prefix", ["+", "12a", "123456789", " 1", "1\n"])
def test_a_prefix_is_digits(prefix: str) -> None:
    with pytest.raises(AsteriskError, match="prefix"):
        SipTrunk(name="carrier", host="127.0.0.1", prefix=prefix)


@pytest.mark.parametrize(
    ("form", "dialed", "shown"),
    [
        (NumberFormat.E164, "9+12025550143", "+12025550143"),
        (NumberFormat.DIGITS, "912025550143", "12025550143"),
        (NumberFormat.NATIONAL, "92025550143", "2025550143"),
    ],
)
def test_numbers_are_written_as_the_trunk_wants_them(form: NumberFormat, dialed: str, shown: str) -> None:
    trunk = SipTrunk(name="carrier", host="127.0.0.1", number_format=form, prefix="9")
    number = PhoneNumber("+12025550143")
    assert (trunk.dialed(number), trunk.shown(number)) == (dialed, shown)
