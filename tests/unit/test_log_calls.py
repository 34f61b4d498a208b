"""Every log call of the project, read in the source: a static message, and nothing personal in the open."""

import ast
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "domain accounts compliance pacing agent_gateway recordings reports dialer asterisk_conf web".split()  # noqa: SIM905
)
LEVELS = {"debug", "info", "warning", "error", "critical", "exception", "log", "msg", "bind"}
PERSONAL = {
    "number", "numbers", "phone", "phones", "e164", "caller", "callee", "called", "name", "names", "person", "persons",
    "address", "email", "birth", "ssn", "note", "notes", "text", "balance", "debt", "promise", "zip", "summary",
}  # fmt: skip


def calls_in(source):
    return [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LEVELS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id.lstrip("_") in {"log", "logger", "logging"}
    ]


def keys_of(call):
    """Every key that is logged; `**{"pii.x": ...}` counts with its keys, any other `**` as one that cannot be read."""
    for keyword in call.keywords:
        if keyword.arg is not None:
            yield keyword.arg
        elif isinstance(keyword.value, ast.Dict):
            yield from (key.value if isinstance(key, ast.Constant) else "**" for key in keyword.value.keys)
        else:
            yield "**"


def faults_of(call):
    """What is wrong with one call."""
    literal = len(call.args) == 1 and isinstance(call.args[0], ast.Constant)
    yield from () if literal or call.func.attr == "bind" else ["the message is not one literal"]
    yield from ["a traceback may quote values"] if call.func.attr == "exception" else ()
    for key in keys_of(call):
        open_key = not key.startswith("pii.")
        yield from [f"{key} is not readable here"] if key == "**" else ()
        yield from ["exc_info may quote values"] if key == "exc_info" else ()
        yield from [f"{key} looks personal"] if open_key and PERSONAL & set(key.split("_")) else ()


FILES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('log.info(f"dialing {x}")', "the message is not one literal"),
        ('log.info("dialing %s", x)', "the message is not one literal"),
        ("_log.warning(text)", "the message is not one literal"),
        ('_log.info("dialing", number=x)', "number looks personal"),
        ('_log.info("dialing", caller_id=x)', "caller_id looks personal"),
        ('_log.info("dialing", **fields)', "** is not readable here"),
        ('_log.info("dialing", **{"person": x})', "person looks personal"),
        ('_log.exception("refused")', "a traceback may quote values"),
        ('_log.error("refused", exc_info=True)', "exc_info may quote values"),
    ],
)
def test_a_careless_call_is_found(line, fault):
    (call,) = calls_in(line)
    assert fault in list(faults_of(call))


def test_a_careful_call_passes():
    (call,) = calls_in('_log.info("dialing", attempt=a, **{"pii.number": n})')
    assert list(faults_of(call)) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_log_calls_have_static_messages_and_personal_values_under_their_own_keys(file):
    found = [f"line {call.lineno}: {fault}" for call in calls_in(file.read_text()) for fault in faults_of(call)]
    assert found == []


def test_there_are_log_calls_to_read():
    assert sum(len(calls_in(file.read_text())) for file in FILES) > 40
