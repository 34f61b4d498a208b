"""One dialer, one carrier and one shelf of agents' phones per worker: three real Asterisks on ports of their own."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from dialer.asterisk.configuration import dialer_instance
from dialer.asterisk.install import install
from dialer.asterisk.instance import Instance, Place
from dialer.asterisk.messages import speak
from dialer.asterisk.ports import Ports, lease
from dialer.asterisk.render import TEMPLATES, render_folder
from dialer.asterisk.root import PrivateRoot
from dialer.asterisk.settings import AsteriskSettings, Identity, Registration, SipTrunk
from tests.telephony.dialplan.floor import AGENTS, OWN_NUMBER, Exchange, Floor
from tests.telephony.dialplan.probe import Probe

FAR_END = Path(__file__).parent / "far_end"
GREETING = (
    "You have reached the voice mail of the Miller family. We cannot take your call right now because we are out. "
    "Please leave your name and your number after the tone and we will call you back as soon as we can."
)
SHARED = (
    "acl.conf",
    "ccss.conf",
    "cdr.conf",
    "cel.conf",
    "features.conf",
    "http.conf",
    "indications.conf",
    "logger.conf",
    "modules.conf",
    "pjproject.conf",
    "udptl.conf",
)


def far_end(
    root: PrivateRoot,
    folder: Path,
    ports: Ports,
    dialer_port: int,
    accounts: list[tuple[str, str]],
    phones: list[tuple[str, str]],
) -> Instance:
    def files(place: Place, ami_secret: str) -> dict[str, str]:
        values = {
            "place": place,
            "ports": ports,
            "dialer_port": dialer_port,
            "ami_user": "fairdial",
            "ami_secret": ami_secret,
            "accounts": accounts,
            "phones": phones,
        }
        shared = {name: (TEMPLATES / name).read_text() for name in SHARED}
        shared["modules.conf"] += "load = app_senddtmf.so\n"
        return shared | render_folder(values, FAR_END)

    def prepare(place: Place) -> None:
        speak("Hello?", place.sounds / "hello.wav", root)
        speak(GREETING, place.sounds / "greeting.wav", root)

    return Instance(program=root, folder=folder, ports=ports, files=files, prepare=prepare)


@pytest.fixture(scope="session")
def root() -> PrivateRoot:
    return install()


@pytest.fixture
async def floor(exchange: Exchange) -> AsyncIterator[Floor]:
    """AMI connections to all three, and nothing left of the test's calls afterwards."""
    async with Probe(exchange.dialer) as dialer, Probe(exchange.carrier) as carrier, Probe(exchange.phones) as phones:
        made = Floor(exchange, dialer, carrier, phones)
        yield made
        await made.clear()


@pytest.fixture(scope="session")
def exchange(root: PrivateRoot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    state = tmp_path_factory.mktemp("asterisk")
    with lease(worker) as block:
        ports = [block.instance(index) for index in range(3)]
        account = ("fairdial", secrets.token_hex(12))
        settings = AsteriskSettings(
            state=state,
            ports=ports[0],
            identity=Identity("Acme Services", OWN_NUMBER),
            trunks=(
                SipTrunk(name="carrier", host="127.0.0.1", port=ports[1].sip, registration=Registration(*account)),
            ),
            agents=AGENTS,
            owned_numbers=(OWN_NUMBER,),
            hold_s=2,
        )
        made = Exchange(
            dialer=dialer_instance(settings, root),
            carrier=far_end(root, state / "carrier", ports[1], ports[0].sip, [account], []),
            phones=far_end(root, state / "phones", ports[2], ports[0].sip, [], [(a.name, a.secret) for a in AGENTS]),
        )
        instances = (made.carrier, made.dialer, made.phones)
        try:
            for instance in instances:
                instance.render()
                asyncio.run(instance.start())
            asyncio.run(made.registered())
            yield made
        finally:
            for instance in instances:
                asyncio.run(instance.stop())
