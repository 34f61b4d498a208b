"""An engine writes down which rules it works by before it does anything else, a customer's loosening among them."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from accounts.store import open_store
from accounts.tables import events
from compliance import PolicyError
from dialer.ami.errors import NotConnectedError
from dialer.app import Parts, running
from dialer.asterisk.instance import Instance
from dialer.asterisk.ports import Ports
from dialer.asterisk.root import PrivateRoot
from dialer.testing.ami_peer import AmiPeer, refuse
from domain.clock import SystemClock

pytestmark = pytest.mark.engine

HEAD = '[pack]\nid = "ours"\ncountry = "US"\nversion = "1"\ntitle = "Ours"\nreviewed_on = 2026-11-22\n\n'
LOOSENED = (
    '[[loosen]]\nrule = "{rule}"\nmax = 9\napproved_by = "A. Counsel"\napproved_on = 2026-11-20\nreason = "reviewed"\n'
)


def parts_of(folder: Path, ami_port: int, pack: Path) -> Parts:
    """An engine whose switch listens there, and whose rules hold the pack."""
    ports = Ports(20_000, ami_port, 20_002, 20_010, 20_029)
    return Parts(
        state_dir=folder / "state",
        database=folder / "accounts.db",
        instance=Instance(program=PrivateRoot(folder), folder=folder / "asterisk", ports=ports, files=lambda *_: {}),
        trunks=(),
        countries=frozenset({"US"}),
        clock=SystemClock(),
        customer_packs=(pack,),
    )


async def start_in_vain(folder: Path, pack: Path) -> None:
    """Start an engine whose switch refuses it: by then the rules are loaded, and nothing was dialed."""
    async with AmiPeer() as peer:
        peer.scripts["Login"] = refuse("Authentication failed")
        async with running(parts_of(folder, peer.port, pack)):
            pytest.fail("an engine runs without a switch")


def written(folder: Path) -> list[tuple[str, dict[str, object]]]:
    store = open_store(folder / "accounts.db", SystemClock().now())
    try:
        rows = store.read(lambda tx: tx.execute(select(events.c.kind, events.c.data).order_by(events.c.id)).all())
    finally:
        store.close()
    return [(row.kind, row.data) for row in rows]


async def test_an_engine_does_not_start_on_a_pack_that_loosens_a_hard_rule(tmp_path: Path) -> None:
    pack = tmp_path / "ours.toml"
    pack.write_text(HEAD + LOOSENED.format(rule="US-DC-D1"), encoding="utf-8")
    with pytest.raises(PolicyError, match="US-DC-D1 is hard; nobody can loosen it"):
        await start_in_vain(tmp_path, pack)
    assert not (tmp_path / "accounts.db").exists()


async def test_what_a_customer_loosened_is_written_to_the_audit_when_the_engine_starts(tmp_path: Path) -> None:
    pack = tmp_path / "ours.toml"
    pack.write_text(HEAD + LOOSENED.format(rule="US-FDC-10"), encoding="utf-8")
    with pytest.raises(NotConnectedError):
        await start_in_vain(tmp_path, pack)
    kinds = written(tmp_path)
    assert sorted(kind for kind, _ in kinds) == ["rule_loosened", "rules_in_force"]
    (loosened,) = [data for kind, data in kinds if kind == "rule_loosened"]
    (in_force,) = [data for kind, data in kinds if kind == "rules_in_force"]
    assert (loosened["rule"], loosened["max"], loosened["engine"]) == ("US-FDC-10", 9, "engine")
    assert loosened["where"] == f"{pack}:8"
    assert loosened["digest"] == in_force["digest"]
    assert "Counsel" not in str(kinds)


async def test_each_start_is_written_by_itself(tmp_path: Path) -> None:
    pack = tmp_path / "ours.toml"
    pack.write_text(HEAD, encoding="utf-8")
    for _ in range(2):
        with pytest.raises(NotConnectedError):
            await start_in_vain(tmp_path, pack)
    assert [kind for kind, _ in written(tmp_path)] == ["rules_in_force", "rules_in_force"]
