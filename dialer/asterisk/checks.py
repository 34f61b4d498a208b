"""What `dialer doctor` asks of a running Asterisk. Each finding: what was looked at, is it well, what to do."""

from __future__ import annotations

import asyncio
import os
import queue
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from asterisk.ami import AMIClient, Response, SimpleAction

from dialer.asterisk.install import OLDEST_VERSION
from dialer.asterisk.instance import AMI_USER, Instance
from dialer.asterisk.messages import HOLD, TEXTS
from dialer.asterisk.registration import registered

_AMI_PATIENCE_S: Final = 3
_START: Final = "`dialer asterisk start`, then look at log/messages.log in its folder"
_RENDER: Final = "stop Asterisk, then `dialer asterisk start`: it writes the configuration again"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Attributes:
        name: what was looked at.
        ok: whether it is well.
        advice: what is wrong and what to do; empty when it is well.
    """

    name: str
    ok: bool
    advice: str = ""


async def check_instance(instance: Instance, trunks: Iterable[str] = ()) -> list[Check]:
    """Everything a call needs of Asterisk; when it does not run, that alone.

    Args:
        instance: the instance that dials.
        trunks: names of trunks that register.
    """
    if instance.pid() is None:
        return [
            Check(
                "Asterisk runs", ok=False, advice=f"it does not run in {instance.place.folder}: `dialer asterisk start`"
            )
        ]
    standing = await registered(instance)
    return [
        Check("Asterisk runs", ok=True),
        version_check(await instance.console("core show version")),
        modules_check(instance.place.etc / "modules.conf", await instance.console("module show")),
        applications_check(
            (instance.place.etc / "extensions.conf").read_text(),
            await instance.console("core show applications"),
            await instance.console("core show functions"),
        ),
        messages_check(instance.place.sounds),
        spool_check(instance),
        await asyncio.to_thread(_ami_check, instance),
        *(_registration_check(trunk, standing) for trunk in trunks),
    ]


def version_check(said: str) -> Check:
    """Whether the running Asterisk is new enough."""
    found = re.search(r"Asterisk (\d+)", said)
    ok = found is not None and int(found[1]) >= OLDEST_VERSION
    advice = (
        f"{said.strip()[:60] or 'no answer'}: version {OLDEST_VERSION} or newer is needed, `dialer asterisk install`"
    )
    return Check("Asterisk's version", ok, "" if ok else advice)


def modules_check(wanted: Path, shown: str) -> Check:
    """Whether every module the configuration names is loaded and running."""
    names = re.findall(r"(?m)^load = (\S+\.so)", wanted.read_text())
    running = {line.split()[0] for line in shown.splitlines() if " Running " in line}
    return _all_there("modules", [name for name in names if name not in running])


def dialplan_words(dialplan: str) -> frozenset[str]:
    """Applications and functions a dialplan names; option letters are too short to be one."""
    code = "\n".join(line.split(";")[0] for line in dialplan.splitlines())
    return frozenset(word for word in re.findall(r"\b([A-Za-z_]{3,})\(", code))


def applications_check(dialplan: str, applications: str, functions: str) -> Check:
    """Whether everything the dialplan names exists: a missing application hangs up on a person who has answered."""
    known = {line.split(":")[0].strip().lower() for line in applications.splitlines() if ":" in line}
    known |= {line.split()[0].split("(")[0].lower() for line in functions.splitlines() if line.strip()}
    return _all_there("applications", sorted(word for word in dialplan_words(dialplan) if word.lower() not in known))


def messages_check(sounds: Path) -> Check:
    """Whether every recorded message has been made."""
    made = {file.stem for file in (*sounds.glob("*.wav"), *(sounds / HOLD).glob("*.wav"))}
    return _all_there("recorded messages", sorted({file.stem for file in TEXTS.glob("*.txt")} - made))


def spool_check(instance: Instance) -> Check:
    """Whether Asterisk and we can both write recordings, and we can read and delete what Asterisk wrote."""
    name = "recordings can be written by both sides"
    folder, pid = instance.place.recordings, instance.pid()
    probe = folder / f".probe-{uuid.uuid4().hex}"
    try:
        probe.write_bytes(b"")
        probe.unlink()
        asterisks_user = Path(f"/proc/{pid}").stat().st_uid
    except OSError as error:
        return Check(
            name, ok=False, advice=f"{folder}: {error.strerror}: give this user the folder, and room on its disk"
        )
    if asterisks_user != os.getuid():
        return Check(name, ok=False, advice="Asterisk runs as another user: stop it there and start it as this one")
    return Check(name, ok=True)


def _ami_check(instance: Instance) -> Check:
    """The control connection, seen by a client that shares no code with the engine's."""
    name = "control connection (second client)"
    client = AMIClient(address="127.0.0.1", port=instance.ports.ami, timeout=_AMI_PATIENCE_S)
    answers: queue.SimpleQueue[Response] = queue.SimpleQueue()  # its futures can wait for ever, this cannot
    try:
        client.login(username=AMI_USER, secret=instance.ami_secret, callback=answers.put)
        if answers.get(timeout=_AMI_PATIENCE_S).is_error():
            return Check(name, ok=False, advice=f"the secret in {instance.place.folder} is refused: {_RENDER}")
        client.send_action(SimpleAction("Ping"), callback=answers.put)
        answers.get(timeout=_AMI_PATIENCE_S)
    except OSError as error:
        return Check(name, ok=False, advice=f"port {instance.ports.ami} on 127.0.0.1: {error}: {_START}")
    except queue.Empty:
        return Check(name, ok=False, advice=f"nothing answers on port {instance.ports.ami} of 127.0.0.1: {_START}")
    finally:
        if client.finished is not None:  # it never connected: there is nothing to close, and close would fail
            client.disconnect()
    return Check(name, ok=True)


def _registration_check(trunk: str, standing: frozenset[str]) -> Check:
    ok = trunk in standing
    return Check(
        f"trunk {trunk} is registered", ok, "" if ok else "check its host, port, user and secret, and the carrier"
    )


def _all_there(what: str, missing: list[str]) -> Check:
    return Check(f"all {what} are loaded", not missing, f"missing: {', '.join(missing)}; {_RENDER}" if missing else "")
