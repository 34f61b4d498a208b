"""The settings that the how-to pages show can be used as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dialer import settings as settings_file
from dialer.asterisk.installation import asterisk_settings, secrets_folder
from dialer.asterisk.settings import NumberFormat
from domain.phone import PhoneNumber

pytestmark = pytest.mark.unit

HOWTO = Path(__file__).parents[3] / "docs" / "howto"


def shown_on(page: str) -> str:
    """The one TOML example of a page."""
    (example,) = re.findall(r"```toml\n(.*?)```", (HOWTO / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    return str(example)


def loaded(example: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> settings_file.Settings:
    monkeypatch.chdir(folder)
    monkeypatch.delenv("FAIRDIAL_CONFIG", raising=False)
    (folder / "fairdial.toml").write_text(example, encoding="utf-8")
    settings = settings_file.load()
    secrets = secrets_folder(settings)
    secrets.mkdir(mode=0o700, parents=True)
    for trunk in settings.trunks:
        (secrets / f"trunk-{trunk.name}").write_text("correct-horse-battery")
        (secrets / f"trunk-{trunk.name}").chmod(0o600)
    return settings


def test_the_first_campaigns_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(shown_on("first-campaign.md"), tmp_path, monkeypatch)
    rendered = asterisk_settings(settings)
    (trunk,) = rendered.trunks
    assert (trunk.registration is not None, trunk.host) == (True, "sip.carrier.example")
    assert settings.trunks[0].live_confirmed_by
    assert [agent.name for agent in rendered.agents] == ["amira"]


def test_the_settings_of_two_trunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = asterisk_settings(loaded(shown_on("trunks.md"), tmp_path, monkeypatch)).trunks
    assert (first.registration is not None, first.digest) == (True, None)
    assert (second.registration, second.digest is not None) == (None, True)
    assert second.number_format is NumberFormat.DIGITS
    assert second.dialed(PhoneNumber("+12025550143")) == "001112025550143"
    assert second.shown(PhoneNumber("+12025550143")) == "12025550143"


def test_every_trunk_setting_is_explained() -> None:
    page = (HOWTO / "trunks.md").read_text(encoding="utf-8")
    fields = set(settings_file.TrunkSettings.model_fields) - {"name"}
    assert {field for field in fields if f"`{field}`" not in page} == set()
