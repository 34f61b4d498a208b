"""Templates to configuration files. No value gets into a file without a filter that names its alphabet.

Asterisk's configuration has no quoting worth the name: a line break, a semicolon or a bracket in a value is a setting.
So every expression in a template goes through one of the filters below, each of which refuses what is outside its
alphabet, and an expression without a filter is refused too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dialer.asterisk.errors import AsteriskError

if TYPE_CHECKING:
    from jinja2 import Environment  # an engine that finds its Asterisk running renders nothing

TEMPLATES: Final = Path(__file__).resolve().parents[2] / "asterisk_conf"
"""The dialer's own templates."""


class _Checked(str):
    """Text that a filter has let through."""

    __slots__ = ()


_ALPHABETS: Final[Mapping[str, tuple[str, str]]] = {
    "word": (r"[A-Za-z][A-Za-z0-9_.-]{0,62}", "a letter, then letters, digits, dot, dash, underscore; at most 63"),
    "words": (r"[a-z0-9_]+(,[a-z0-9_]+)*", "lower-case words with commas between them"),
    "digits": (r"[0-9]{3,15}", "3 to 15 digits"),
    "integer": (r"[0-9]{1,9}", "a whole number"),
    "decimal": (r"[0-9]{1,6}(\.[0-9]{1,3})?", "a number with at most three decimals"),
    "host": (r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?", "a host name or an IPv4 address"),
    "network": (r"[0-9A-Fa-f.:]{2,39}/[0-9]{1,3}", "a network such as 192.168.0.0/16"),
    "path": (r"/[A-Za-z0-9_./+@~-]{1,400}", "an absolute path of letters, digits and _ . / + @ ~ -"),
    "user": (r"[A-Za-z0-9+_.-]{1,64}", "letters, digits, plus, underscore, dot, dash; at most 64"),
    "secret": (r"[!-~]{8,128}", "8 to 128 printable characters without spaces"),
}
_NEVER_IN_SECRETS: Final = frozenset(';"\\[]#,|=<>${}')
"""What starts a comment, a section, an include, a variable or a second value in some Asterisk file."""


def _refuse(kind: str, description: str, value: object) -> AsteriskError:
    shown = "a value" if kind == "secret" else repr(str(value)[:80])
    return AsteriskError(f"{shown} cannot go into the Asterisk configuration as {kind}: expected {description}")


def _filter(kind: str) -> Callable[[object], _Checked]:
    pattern, description = _ALPHABETS[kind]
    shape = re.compile(pattern)

    def check(value: object) -> _Checked:
        text = str(value)
        if shape.fullmatch(text) is None:
            raise _refuse(kind, description, value)
        if kind == "secret" and _NEVER_IN_SECRETS & set(text):
            raise _refuse(kind, f"{description}, none of {''.join(sorted(_NEVER_IN_SECRETS))}", value)
        return _Checked(text)

    return check


def _only_checked(value: object) -> str:
    if not isinstance(value, _Checked):
        raise AsteriskError(f"template fault: the value {str(value)[:40]!r} is printed without a filter")
    return value


def environment(folder: Path = TEMPLATES) -> Environment:
    """A template environment over a folder, with the checking filters and nothing else."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    jinja = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        finalize=_only_checked,
        autoescape=False,  # noqa: S701 - not HTML: the filters refuse rather than escape
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    jinja.filters.update({kind: _filter(kind) for kind in _ALPHABETS})
    return jinja


def render_folder(values: Mapping[str, object], folder: Path = TEMPLATES) -> dict[str, str]:
    """Render every `*.conf` and `*.conf.j2` directly in a folder.

    Args:
        values: what the templates may name.
        folder: where they are; sub-folders are not looked at.

    Returns:
        File name (without `.j2`) to text.

    Raises:
        AsteriskError: a value outside its alphabet, or one that a template names and nobody gave.
    """
    from jinja2 import TemplateError

    jinja = environment(folder)
    rendered = {}
    for file in sorted([*folder.glob("*.conf"), *folder.glob("*.conf.j2")]):
        try:
            rendered[file.name.removesuffix(".j2")] = jinja.get_template(file.name).render(values)
        except TemplateError as error:
            raise AsteriskError(f"{file.name} cannot be rendered: {error}") from error
    return rendered
