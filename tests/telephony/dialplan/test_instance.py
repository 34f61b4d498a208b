"""One instance's life, and what the doctor says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.asterisk.checks import check_instance
from dialer.asterisk.configuration import dialer_instance
from dialer.asterisk.errors import AsteriskError
from dialer.asterisk.instance import Instance
from dialer.asterisk.ports import lease
from dialer.asterisk.root import PrivateRoot
from dialer.asterisk.settings import AsteriskSettings, Identity
from tests.telephony.dialplan.floor import OWN_NUMBER, Exchange

pytestmark = [pytest.mark.telephony, pytest.mark.filterwarnings("ignore:notifyAll:DeprecationWarning")]


async def test_the_doctor_finds_nothing_wrong(exchange: Exchange) -> None:
    assert [check for check in await check_instance(exchange.dialer, ["carrier"]) if not check.ok] == []


async def test_a_second_start_is_refused(exchange: Exchange) -> None:
    with pytest.raises(AsteriskError, match="already running"):
        await exchange.dialer.start()


async def test_a_broken_configuration_ends_in_one_error_with_the_log(root: PrivateRoot, tmp_path: Path) -> None:
    with lease() as block:
        broken = Instance(
            program=root,
            folder=tmp_path / "broken",
            ports=block.instance(3),
            files=lambda *_: {"modules.conf": "[modules]\nautoload = no\nrequire = chan_pjsip.so\n"},
        )
        broken.render()
        with pytest.raises(AsteriskError, match="The end of its log"):
            await broken.start(deadline_s=10)
        assert not broken.status().running


async def test_a_killed_instance_starts_again(root: PrivateRoot, tmp_path: Path) -> None:
    with lease() as block:
        settings = AsteriskSettings(
            state=tmp_path, ports=block.instance(3), identity=Identity("Acme Services", OWN_NUMBER)
        )
        instance = dialer_instance(settings, root)
        instance.render()
        await instance.start()
        instance.kill()
        await instance.stop()
        assert not instance.status().running
        await instance.start()
        assert instance.status().running
        await instance.stop()
        assert not instance.status().running
        assert [check.name for check in await check_instance(instance)] == ["Asterisk runs"]
