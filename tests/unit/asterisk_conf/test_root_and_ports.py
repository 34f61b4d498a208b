"""Where programs, mirrors, ports and secrets come from."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from dialer.asterisk import secret_files
from dialer.asterisk.errors import AsteriskError
from dialer.asterisk.install import host_mirror, installed_root, root_path
from dialer.asterisk.instance import Instance, Place
from dialer.asterisk.ports import PortBlock, Ports, lease
from dialer.asterisk.root import OwnAsterisk, PrivateRoot

pytestmark = pytest.mark.unit


def make_root(folder: Path, loader: str, multiarch: str) -> PrivateRoot:
    for file in (f"usr/{loader}", f"usr/lib/{multiarch}/libc.so.6", "usr/sbin/asterisk"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    return PrivateRoot(folder)


def test_an_empty_folder_is_no_root(tmp_path: Path) -> None:
    with pytest.raises(AsteriskError, match="asterisk install"):
        PrivateRoot(tmp_path).command("asterisk")


def test_a_program_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AsteriskError, match="no program sipp"):
        make_root(tmp_path, "lib64/ld-linux-x86-64.so.2", "x86_64-linux-gnu").command("sipp")


def test_a_root_that_was_not_made_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AsteriskError, match="asterisk install"):
        installed_root(tmp_path)


@pytest.mark.parametrize(
    ("loader", "multiarch"),
    [("lib64/ld-linux-x86-64.so.2", "x86_64-linux-gnu"), ("lib/ld-linux-aarch64.so.1", "aarch64-linux-gnu")],
)
def test_a_program_runs_through_the_roots_own_loader(tmp_path: Path, loader: str, multiarch: str) -> None:
    command = make_root(tmp_path, loader, multiarch).command("asterisk", ["-V"])
    assert command[0] == str(tmp_path / "usr" / loader)
    assert command[-2:] == [str(tmp_path / "usr/sbin/asterisk"), "-V"]
    assert str(tmp_path / "usr/lib" / multiarch) in command[command.index("--library-path") + 1]


def test_an_own_asterisk_that_cannot_be_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AsteriskError, match="not a program"):
        OwnAsterisk.at(tmp_path / "asterisk")


def test_the_roots_folder_is_named_after_its_recipe(tmp_path: Path) -> None:
    assert root_path(tmp_path).parent == tmp_path
    assert root_path(tmp_path) == root_path(tmp_path)


DEB822 = "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n"
ONE_LINE = (
    "# deb http://old.example/debian bookworm main\ndeb [arch=amd64] http://mirror.example/debian bookworm main\n"
)


@pytest.mark.parametrize(
    ("release", "file", "text", "mirror"),
    [
        ("debian", "sources.list.d/debian.sources", DEB822, "http://mirror.example/debian"),
        ("debian", "sources.list", ONE_LINE, "http://mirror.example/debian"),
        ("ubuntu", "sources.list", ONE_LINE, ""),
        ("debian", "sources.list", "deb http://other.example/x stable contrib\n", ""),
    ],
)
def test_the_mirror_is_the_hosts_own(tmp_path: Path, release: str, file: str, text: str, mirror: str) -> None:
    (tmp_path / "os-release").write_text(f'ID={release}\nVERSION_CODENAME="bookworm"\n')
    (tmp_path / "apt" / file).parent.mkdir(parents=True)
    (tmp_path / "apt" / file).write_text(text)
    assert host_mirror(tmp_path) == mirror


def test_two_leases_never_share_a_port() -> None:
    with lease(3) as one, lease(3) as other:
        assert one.first != other.first


def test_instances_of_a_block_never_share_a_port() -> None:
    quarters = [set(PortBlock(10_000).quarter(index)) for index in range(4)]
    assert len(set.union(*quarters)) == sum(len(quarter) for quarter in quarters)


@pytest.mark.parametrize("rtp", [(10_001, 10_009), (10_000, 10_000)])
def test_a_useless_media_range_is_refused(rtp: tuple[int, int]) -> None:
    with pytest.raises(AsteriskError, match="RTP"):
        Ports(sip=5060, ami=5038, http=8088, rtp_first=rtp[0], rtp_last=rtp[1])


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with lease() as block, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
        ports = block.instance(0)
        squatter.bind(("127.0.0.1", ports.sip))
        instance = Instance(program=PrivateRoot(tmp_path), folder=tmp_path, ports=ports, files=lambda *_: {})
        with pytest.raises(AsteriskError, match=f"UDP port {ports.sip}"):
            await instance.start()


def test_a_deep_folder_gets_a_short_one_for_its_socket(tmp_path: Path) -> None:
    deep = Place(tmp_path / ("d" * 120))
    assert len(str(deep.run / "asterisk.ctl")) < 100
    assert Place(Path("/srv/fairdial")).run == Path("/srv/fairdial/run")


def test_a_recycled_process_number_is_not_ours(tmp_path: Path) -> None:
    with lease() as block:
        instance = Instance(
            program=PrivateRoot(tmp_path), folder=tmp_path, ports=block.instance(0), files=lambda *_: {}
        )
        instance.place.run.mkdir(parents=True)
        (instance.place.run / "asterisk.pid").write_text("1")
        assert instance.pid() is None


def test_a_generated_secret_stays_the_same_and_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    assert secret_files.generated(folder, "agent-alice") == secret_files.generated(folder, "agent-alice")
    assert (folder / "agent-alice").stat().st_mode & 0o077 == 0


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "trunk-a").write_text("secret-of-trunk")
    (tmp_path / "trunk-a").chmod(0o644)
    with pytest.raises(AsteriskError, match="chmod 600"):
        secret_files.given(tmp_path, "trunk-a")


@pytest.mark.parametrize("name", ["../x", "a/b", "", "a\nb"])
def test_a_secrets_name_cannot_leave_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(AsteriskError):
        secret_files.given(tmp_path, name)
