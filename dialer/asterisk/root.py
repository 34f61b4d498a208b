"""The private root: a folder of Debian packages whose programs run in place, without chroot and without root rights.

A program of the root is started through the root's own dynamic loader with the root's own library folders, so it never
meets the C library of the machine it runs on. See docs/decisions/0002-private-root-without-chroot.md.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol

from dialer.asterisk.errors import AsteriskError

_PROGRAM_FOLDERS: Final = ("usr/sbin", "usr/bin")
_RESOLVER_PATIENCE: Final = "timeout:1 attempts:1"
"""Asterisk looks up its own host name while it loads. A name server that never answers then costs 2 s, not 20 s."""


class AsteriskProgram(Protocol):
    """Where an Asterisk comes from: the private root, or the one the user brings."""

    @property
    def modules(self) -> Path:
        """Folder of loadable modules."""
        ...

    @property
    def data(self) -> Path:
        """Folder with `sounds` and the built-in documentation."""
        ...

    def command(self, program: str, arguments: Sequence[str] = ()) -> list[str]:
        """The argument vector that runs `program`."""
        ...

    def environment(self) -> dict[str, str]:
        """The environment it runs in."""
        ...


@dataclass(frozen=True)
class PrivateRoot:
    """An unpacked set of Debian packages.

    Attributes:
        path: the folder, absolute.
    """

    path: Path

    @cached_property
    def loader(self) -> Path:
        """The root's dynamic loader (ELF interpreter), whatever the machine's architecture calls it.

        Raises:
            AsteriskError: there is none, so this is no usable root.
        """
        for folder in ("lib64", "lib"):
            for candidate in sorted((self.path / "usr" / folder).glob("ld-linux*.so.*")):
                return candidate
        raise AsteriskError(f"{self.path} is no private root (it has no dynamic loader): run `dialer asterisk install`")

    @cached_property
    def multiarch(self) -> Path:
        """The architecture's library folder, such as usr/lib/x86_64-linux-gnu."""
        for libc in (self.path / "usr/lib").glob("*/libc.so.6"):
            return libc.parent
        raise AsteriskError(f"{self.path} is no private root (it has no C library): run `dialer asterisk install`")

    @cached_property
    def libraries(self) -> str:
        """Search path for shared libraries: the usual folders, and those only reached through a library's own RPATH."""
        private = [folder for name in ("pulseaudio", "blas", "lapack") if (folder := self.multiarch / name).is_dir()]
        return ":".join(str(folder) for folder in (self.multiarch, *private, self.path / "usr/lib"))

    @property
    def modules(self) -> Path:
        return self.multiarch / "asterisk/modules"

    @property
    def data(self) -> Path:
        return self.path / "usr/share/asterisk"

    def program(self, name: str) -> Path:
        """The file of a program in the root.

        Raises:
            AsteriskError: the root has no such program.
        """
        for folder in _PROGRAM_FOLDERS:
            if (found := self.path / folder / name).is_file():
                return found
        raise AsteriskError(f"the private root {self.path} has no program {name}: run `dialer asterisk install`")

    def command(self, program: str, arguments: Sequence[str] = ()) -> list[str]:
        """The argument vector that runs a program of the root through the root's loader.

        Raises:
            AsteriskError: the root has no such program.
        """
        loader = [str(self.loader), "--inhibit-cache", "--library-path", self.libraries]
        return [*loader, str(self.program(program)), *arguments]

    def environment(self) -> dict[str, str]:
        """This process's environment, with what programs of the root need on top."""
        return os.environ | {
            "RES_OPTIONS": _RESOLVER_PATIENCE,
            "ESPEAK_DATA_PATH": str(self.multiarch / "espeak-ng-data"),
        }


@dataclass(frozen=True)
class OwnAsterisk:
    """An Asterisk that the user brings (`asterisk.binary`).

    Attributes:
        binary: the program.
        modules: its module folder (`asterisk.modules`).
        data: its data folder (`asterisk.data`).
    """

    binary: Path
    modules: Path
    data: Path

    @classmethod
    def at(cls, binary: Path) -> OwnAsterisk:
        """Find the folders that belong to a binary in the places distributions put them.

        Raises:
            AsteriskError: not a program, or no module folder beside it.
        """
        if not os.access(binary, os.X_OK):
            raise AsteriskError(f"asterisk.binary: {binary} is not a program that can be run")
        prefix = binary.resolve().parent.parent
        modules = sorted(prefix.glob("lib*/**/asterisk/modules/chan_pjsip.so"))
        if not modules:
            raise AsteriskError(
                f"asterisk.binary: no asterisk/modules/chan_pjsip.so below {prefix}/lib: is it complete?"
            )
        candidates = (prefix / "share/asterisk", Path("/usr/share/asterisk"), Path("/var/lib/asterisk"))
        data = next((folder for folder in candidates if (folder / "sounds").is_dir()), candidates[0])
        return cls(binary=binary, modules=modules[0].parent, data=data)

    def command(self, program: str, arguments: Sequence[str] = ()) -> list[str]:
        """The argument vector; programs other than asterisk are looked up in PATH, where sox may have its old name."""
        if program == "asterisk":
            return [str(self.binary), *arguments]
        if program == "sox_ng" and shutil.which(program) is None:
            program = "sox"
        return [program, *arguments]

    def environment(self) -> dict[str, str]:
        return os.environ | {"RES_OPTIONS": _RESOLVER_PATIENCE}
