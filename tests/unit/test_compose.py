"""docker-compose.yml and what it names: nobody is root, no secret is written down, everything it names exists."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from dialer import settings as settings_file
from dialer.asterisk.install import PACKAGES, SUITE
from dialer.settings import Settings

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "deploy" / "docker"
FILE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
TRUNK = yaml.safe_load((DOCKER / "trunk.yml").read_text(encoding="utf-8"))
SERVICES: Mapping[str, dict] = FILE["services"]
DOCKERFILE = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
ONCE = {"setup"}
"""Services that end by themselves."""
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|KEY", re.IGNORECASE)
each_service = pytest.mark.parametrize("name", sorted(SERVICES))
each_lasting_service = pytest.mark.parametrize("name", sorted(SERVICES.keys() - ONCE))


def settings_of(name: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings as a service reads them."""
    for key, value in SERVICES[name]["environment"].items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("FAIRDIAL_CONFIG", str(DOCKER / "fairdial.toml"))
    return settings_file.load()


def mounts(name: str) -> dict[str, str]:
    """What is mounted where: target to source."""
    return {volume.split(":")[1]: volume.split(":")[0] for volume in SERVICES[name].get("volumes", [])}


@each_service
def test_no_service_is_root_or_can_become_it(name):
    assert str(SERVICES[name]["user"]).split(":")[0] not in {"", "0", "root"}
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]
    assert SERVICES[name].keys().isdisjoint({"privileged", "cap_add", "devices"})


@each_service
def test_no_service_can_change_its_own_programs(name):
    assert SERVICES[name]["read_only"] is True


@each_lasting_service
def test_every_service_that_stays_says_whether_it_is_well_and_comes_back(name):
    assert SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert SERVICES[name]["restart"] == "unless-stopped"


@each_service
def test_the_logs_of_a_service_do_not_grow_for_ever(name):
    assert SERVICES[name]["logging"]["options"].keys() == {"max-size", "max-file"}


@each_service
def test_no_secret_is_written_into_the_file(name):
    environment = SERVICES[name].get("environment", {})
    named = {key: value for key, value in environment.items() if SECRET.search(key)}
    assert {key for key in named if not key.endswith("_FILE")} == set()
    assert set(named.values()) <= {f"/run/secrets/{secret}" for secret in SERVICES[name].get("secrets", [])}
    assert not any(re.search(r"://[^/\s]*:[^/\s]*@", str(value)) for value in environment.values())


def test_secrets_are_files_that_git_and_the_image_never_see():
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    left_out = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {Path(secret["file"]).parent for secret in FILE["secrets"].values()} == {Path("deploy/docker/secrets")}
    assert "deploy/docker/secrets/" in ignored
    assert "deploy/docker/secrets" in left_out


def test_made_secrets_are_closed_to_others_and_stay_as_they_are(tmp_path):
    script = tmp_path / "make-secrets"
    script.write_bytes((DOCKER / "make-secrets").read_bytes())
    made = []
    for _ in range(2):
        subprocess.run(["bash", script], check=True, capture_output=True)
        made.append({file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()})
    assert made[0] == made[1]
    assert made[0].keys() == FILE["secrets"].keys()
    assert all(re.fullmatch(r"[0-9a-f]{48}", secret) for secret in made[0].values())
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


@each_service
def test_what_a_service_is_made_from_exists(name):
    service = SERVICES[name]
    named = [Path(source) for source in mounts(name).values() if source.startswith(".")]
    assert all((ROOT / source).is_file() for source in named)
    assert {source for source in mounts(name).values() if not source.startswith(".")} <= FILE["volumes"].keys()
    assert set(service.get("secrets", [])) <= FILE["secrets"].keys()
    assert set(service.get("networks", [])) <= FILE["networks"].keys()
    build = service.get("build", {"dockerfile": "deploy/docker/Dockerfile"})
    assert (ROOT / build["dockerfile"]).is_file()
    assert ("build" in service) == (service["image"] == "fairdial:local")


def test_stand_ins_exist_for_every_image_that_is_pulled():
    stand_ins = (DOCKER / "stand-ins" / "make").read_text(encoding="utf-8")
    made = set(re.findall(r"^server (\S+)", stand_ins, re.MULTILINE))
    made |= {f"debian:{suite}-slim" for suite in re.findall(r"^base (\S+)", stand_ins, re.MULTILINE)}
    pulled = {service["image"] for service in SERVICES.values()} - {"fairdial:local"}
    assert made == pulled | set(re.findall(r"^FROM (debian:\S+)", DOCKERFILE, re.MULTILINE))


def test_the_image_has_the_asterisk_that_the_installer_would_make():
    assert f"FROM debian:{SUITE}-slim AS asterisk" in DOCKERFILE
    (listed,) = re.findall(r"--no-install-recommends \\\n\s+(asterisk .+?) \\\n", DOCKERFILE)
    assert sorted(listed.split()) == sorted(PACKAGES)


def test_every_package_of_ours_goes_into_the_image():
    sent = set((ROOT / ".dockerignore").read_text(encoding="utf-8").split())
    assert {f"!{path.parent.name}" for path in ROOT.glob("*/__init__.py")} <= sent


def test_ports_are_open_to_this_machine_alone():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published.keys() == {"line"}
    assert all(port.startswith("127.0.0.1:") for port in published["line"])


def test_nobody_outside_reaches_the_database_or_redis():
    assert FILE["networks"]["inside"]["internal"] is True
    assert SERVICES["postgres"]["networks"] == SERVICES["redis"]["networks"] == ["inside"]


@pytest.mark.parametrize("name", ["asterisk", "engine", "carrier", "phone"])
def test_what_meets_on_loopback_shares_one_network_and_can_see_each_other(name):
    assert (SERVICES[name]["network_mode"], SERVICES[name]["pid"]) == ("service:line", "service:line")


def test_recordings_are_a_volume_of_the_engine_alone():
    assert mounts("engine")["/var/lib/fairdial/recordings"] == "recordings"
    assert [name for name in SERVICES if "recordings" in mounts(name).values()] == ["engine"]


def test_the_settings_can_be_used_and_call_nobody(monkeypatch):
    settings = settings_of("engine", monkeypatch)
    assert [(trunk.name, trunk.live, trunk.host) for trunk in settings.trunks] == [("carrier", False, "127.0.0.1")]
    assert not settings.asterisk.start
    assert settings.database.url.startswith("postgresql+psycopg://fairdial@postgres/")
    assert settings.redis.url == "redis://default@redis:6379/0"


def test_health_is_asked_where_the_settings_have_it(monkeypatch):
    settings = settings_of("engine", monkeypatch)
    carriers, phones = SERVICES["carrier"]["command"][-1], SERVICES["phone"]["command"][-1]
    assert str(settings.asterisk.ami_port) in SERVICES["asterisk"]["healthcheck"]["test"]
    assert str(settings.web.port) in SERVICES["engine"]["healthcheck"]["test"]
    assert carriers == str(settings.trunks[0].port)
    assert str(int(carriers) + 1) in SERVICES["carrier"]["healthcheck"]["test"]
    assert f":{int(phones):04X} " in SERVICES["phone"]["healthcheck"]["test"]


def test_a_real_trunk_gets_the_address_and_the_ports_of_the_settings_it_is_shown_with():
    page = (ROOT / "docs" / "howto" / "compose.md").read_text(encoding="utf-8")
    line = TRUNK["services"]["line"]
    (subnet,) = TRUNK["networks"]["outside"]["ipam"]["config"]
    address = line["networks"]["outside"]["ipv4_address"]
    assert address.rpartition(".")[0] == subnet["subnet"].rpartition(".")[0]
    environment = TRUNK["services"]["asterisk"]["environment"]
    first, last = environment["FAIRDIAL_ASTERISK__RTP_FIRST"], environment["FAIRDIAL_ASTERISK__RTP_LAST"]
    assert line["ports"] == ["5160:5160/udp", f"{first}-{last}:{first}-{last}/udp"]
    assert environment["FAIRDIAL_ASTERISK__ADDRESS"] == address
    assert "deploy/docker/trunk.yml" in page


def test_scripts_can_be_run():
    scripts = [file for file in DOCKER.rglob("*") if file.is_file() and file.read_bytes().startswith(b"#!")]
    assert {"make-secrets", "compose-test", "make", "entrypoint", "answers"} <= {file.name for file in scripts}
    assert all(os.access(file, os.X_OK) for file in scripts)


def test_every_command_of_the_how_to_names_a_service():
    page = (ROOT / "docs" / "howto" / "compose.md").read_text(encoding="utf-8")
    named = set(re.findall(r"docker compose (?:exec|run|restart|logs)(?: --?\S+)* ([a-z]+)", page))
    assert named <= SERVICES.keys()
