"""Passwords of the database and of Redis lie in files of their own, and go nowhere but into the address."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from dialer.settings import DatabaseSettings, RedisSection, Settings, SettingsError

pytestmark = pytest.mark.unit

POSTGRES = "postgresql+psycopg://fairdial@db.example.com/fairdial"
REDIS = "redis://default@redis.example.com:6379/0"


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FAIRDIAL_CONFIG", raising=False)


def password_file(folder: Path, content: str) -> Path:
    file = folder / "password"
    file.write_text(content, encoding="utf-8")
    return file


def test_a_password_file_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    settings = Settings(database=DatabaseSettings(url=POSTGRES, password_file=tmp_path / "none"))
    with pytest.raises(SettingsError, match="password_file cannot be read"):
        _ = settings.database_url


@pytest.mark.parametrize("url", [REDIS.replace("default@", ""), REDIS.replace("default", "default:other")])
def test_an_address_without_a_user_or_with_another_password_is_refused(tmp_path: Path, url: str) -> None:
    settings = Settings(redis=RedisSection(url=url, password_file=password_file(tmp_path, "secret")))
    with pytest.raises(SettingsError, match="names a user and no password"):
        _ = settings.redis_url


def test_an_empty_password_file_is_refused(tmp_path: Path) -> None:
    settings = Settings(database=DatabaseSettings(url=POSTGRES, password_file=password_file(tmp_path, "\n")))
    with pytest.raises(SettingsError, match="password_file holds one"):
        _ = settings.database_url


@pytest.mark.parametrize("url", [POSTGRES, REDIS])
@pytest.mark.parametrize("password", ["simple", "p@ss:w/rd %41#?"])
def test_the_address_carries_whatever_the_file_holds(tmp_path: Path, url: str, password: str) -> None:
    file = password_file(tmp_path, password + "\n")
    settings = Settings(
        database=DatabaseSettings(url=url, password_file=file), redis=RedisSection(url=url, password_file=file)
    )
    for made in (make_url(str(settings.database_url)), make_url(settings.redis_url)):
        assert made.password == password
        assert made == make_url(url).set(password=password)


def test_nothing_shows_the_password(tmp_path: Path) -> None:
    settings = Settings(database=DatabaseSettings(url=POSTGRES, password_file=password_file(tmp_path, "hidden-word")))
    assert "hidden-word" in str(settings.database_url)
    assert "hidden-word" not in repr(settings)


def test_without_a_file_nothing_changes() -> None:
    settings = Settings(database=DatabaseSettings(url=POSTGRES))
    assert (settings.database_url, settings.redis_url) == (POSTGRES, "")
