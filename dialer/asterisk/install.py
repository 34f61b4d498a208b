"""Makes the private root with debootstrap: once per machine and recipe, in a cache outside the checkout.

Only this step needs root (or sudo). The folder's name carries a hash of the recipe, so a changed recipe makes a new
root and an old one is never half-upgraded. It gets its name by one rename, after its Asterisk has said its version.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dialer.asterisk.errors import AsteriskError
from dialer.asterisk.root import PrivateRoot

SUITE: Final = "forky"
_SCRIPT: Final = "sid"
"""Older debootstraps know no script of the suite's own name; every one has this."""
PACKAGES: Final = ("asterisk", "asterisk-core-sounds-en-wav", "baresip-core", "espeak-ng", "sip-tester", "sox")
CACHE: Final = Path("/var/cache/fairdial")
OLDEST_VERSION: Final = 20
_HOST_PACKAGES: Final = ("debootstrap", "debian-archive-keyring")
_KEYRING: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_TAIL: Final = 15

Report = Callable[[str], None]
"""Hears what is being done, one line at a time."""


def root_path(cache: Path = CACHE) -> Path:
    """Where the root of this recipe belongs."""
    recipe = "\n".join((SUITE, _SCRIPT, os.uname().machine, *PACKAGES))
    return cache / f"root-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def installed_root(cache: Path = CACHE) -> PrivateRoot:
    """The root, if it has been made.

    Raises:
        AsteriskError: it has not.
    """
    path = root_path(cache)
    if not path.is_dir():
        raise AsteriskError(
            f"no private Asterisk in {path}: run `dialer asterisk install` (needs root or sudo, a minute)"
        )
    return PrivateRoot(path)


def install(cache: Path = CACHE, report: Report = print) -> PrivateRoot:
    """Make the root unless it exists; a second call returns at once.

    Args:
        cache: folder for roots.
        report: hears each step.

    Raises:
        AsteriskError: no root rights, no network, no room; nothing half-made is left under the root's name.
    """
    path = root_path(cache)
    if path.is_dir():
        return PrivateRoot(path)
    with _one_at_a_time(report):
        if not path.is_dir():
            _make(path, report)
    return PrivateRoot(path)


def _make(path: Path, report: Report) -> None:
    sudo = _privilege()
    _need_host_packages(sudo, report)
    partial = path.with_name(f".{path.name}.partial")
    _run([*sudo, "rm", "-rf", "--one-file-system", str(partial)], report)
    _run([*sudo, "mkdir", "-p", str(path.parent)], report)
    mirror = host_mirror()
    report(
        f"fetching Asterisk and its libraries from {mirror or 'the default Debian mirror'} into {path} (about 700 MB)"
    )
    try:
        bootstrap = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(partial)]
        _run([*sudo, *bootstrap, mirror, _SCRIPT], report)
        _run(
            [*sudo, "rm", "-rf", f"{partial}/var/cache/apt", f"{partial}/usr/share/doc", f"{partial}/usr/share/man"],
            report,
        )
        _run([*sudo, "chmod", "a+rx", str(partial)], report)
        report(check_version(PrivateRoot(partial)))
        _run([*sudo, "mv", "-T", str(partial), str(path)], report)
    except AsteriskError:
        _run([*sudo, "rm", "-rf", "--one-file-system", str(partial)], report)
        raise
    report(f"ready: {path}")


def check_version(root: PrivateRoot) -> str:
    """What the root's Asterisk calls itself.

    Raises:
        AsteriskError: it does not run, or it is too old.
    """
    answer = subprocess.run(  # noqa: S603 - the program of the root just made
        root.command("asterisk", ["-V"]), env=root.environment(), capture_output=True, text=True, check=False
    )
    version = re.match(r"Asterisk (\d+)\.", answer.stdout)
    if version is None:
        raise AsteriskError(f"the private Asterisk does not run: {answer.stderr.strip()[-300:] or answer.stdout[:300]}")
    if int(version[1]) < OLDEST_VERSION:
        raise AsteriskError(f"{answer.stdout.strip()} is too old: version {OLDEST_VERSION} or newer is needed")
    return answer.stdout.strip()


# --- the machine we are on -------------------------------------------------------------------------------------------


def _privilege() -> list[str]:
    """What goes before a command that needs root.

    Raises:
        AsteriskError: neither root nor sudo.
    """
    if os.geteuid() == 0:
        return []
    if (sudo := shutil.which("sudo")) is None:
        raise AsteriskError(
            "making the private root needs root rights: run `dialer asterisk install` as root or with sudo"
        )
    return [sudo]


def _need_host_packages(sudo: Sequence[str], report: Report) -> None:
    if shutil.which("debootstrap", path=f"{os.environ.get('PATH', '')}:/usr/sbin") and _KEYRING.exists():
        return
    if shutil.which("apt-get") is None:
        raise AsteriskError(
            "debootstrap is not installed and this is no Debian or Ubuntu: install debootstrap, or set asterisk.binary"
        )
    report(f"installing {' and '.join(_HOST_PACKAGES)}")
    _run([*sudo, "apt-get", "update", "--quiet"], report)
    _run([*sudo, "apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *_HOST_PACKAGES], report)


def host_mirror(etc: Path = Path("/etc")) -> str:
    """The mirror this machine's own apt uses when it is a Debian; empty (debootstrap's default) otherwise."""
    try:
        release = dict(line.split("=", 1) for line in (etc / "os-release").read_text().splitlines() if "=" in line)
    except OSError:
        return ""
    codename = release.get("VERSION_CODENAME", "").strip('"')
    if release.get("ID", "").strip('"') != "debian" or not codename:
        return ""
    for uri, suites in _apt_sources(etc / "apt"):
        if codename in suites and uri.startswith(("http://", "https://")):
            return uri
    return ""


def _apt_sources(folder: Path) -> Iterator[tuple[str, Sequence[str]]]:
    """(URI, suites) of each binary source with the main component, both of apt's formats."""
    parts = folder / "sources.list.d"
    for file in [folder / "sources.list", *sorted(parts.glob("*.list"))]:
        for line in _lines(file):
            plain = re.sub(r"\[[^]]*\]", "", line).split()
            if len(plain) > 3 and plain[0] == "deb" and "main" in plain[3:]:
                yield plain[1], (plain[2],)
    for file in sorted(parts.glob("*.sources")):
        for paragraph in re.split(r"\n\s*\n", "\n".join(_lines(file))):
            fields = {key.lower(): value.split() for key, value in re.findall(r"(?m)^(\S+):(.*)$", paragraph)}
            if "deb" in fields.get("types", []) and "main" in fields.get("components", []):
                for uri in fields.get("uris", []):
                    yield uri, fields.get("suites", [])


def _lines(file: Path) -> Iterable[str]:
    if not file.is_file():
        return []
    return [line for line in file.read_text(errors="replace").splitlines() if not line.lstrip().startswith("#")]


@contextmanager
def _one_at_a_time(report: Report) -> Iterator[None]:
    """Two installations at once would build the same folder."""
    file = Path(tempfile.gettempdir()) / f"fairdial-install-{os.getuid()}.lock"
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("another installation is running; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(command: Sequence[str], report: Report) -> None:
    """Run a command, passing its lines on.

    Raises:
        AsteriskError: it failed; with the end of what it said.
    """
    said: list[str] = []
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C", "PATH": _path()}
    try:
        process = subprocess.Popen(  # noqa: S603 - a fixed list of words, no shell
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except OSError as error:
        raise AsteriskError(f"{command[0]} cannot be run: {error.strerror}") from error
    with process:
        for line in process.stdout or ():
            said.append(line.rstrip())
            report(line.rstrip())
    if process.returncode != 0:
        tail = "\n".join(said[-_TAIL:])
        raise AsteriskError(f"`{' '.join(command[:3])} ...` failed with code {process.returncode}:\n{tail}")


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
