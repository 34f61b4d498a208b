"""Draws an agent's screen for a terminal. Texts of the account are shown as text: no markup, no control characters."""

from __future__ import annotations

from typing import Final

from rich import box
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agent_gateway.agent import AgentState, Cause, Wish
from agent_gateway.protocol import DispositionChoice
from dialer.agent_screen import LEFT, Picking, Screen

_COLOURS: Final = {
    AgentState.OFFLINE: "red",
    AgentState.PAUSED: "yellow",
    AgentState.READY: "green",
    AgentState.PREVIEW: "bright_cyan",
    AgentState.RESERVED: "cyan",
    AgentState.TALKING: "bright_blue",
    AgentState.HOLD: "magenta",
    AgentState.WRAP_UP: "bright_magenta",
}
_WORDS: Final[dict[str, str]] = {
    Cause.CONNECTING: "your phone is being rung: answer it",
    Cause.NOT_READY: "press r to take calls",
    Cause.SIGNED_OUT: "signed out",
    Cause.HUNG_UP: "your phone was put down: press r to come back",
    Cause.UNREACHABLE: "your phone cannot be reached: check it, then press r",
    Cause.HEARTBEAT_LOST: "this screen was silent for too long: press r to come back",
    Cause.PREVIEW_MISSED: "nothing was said to the account shown, it went back: press r to go on",
}
_MEANINGS: Final = {
    AgentState.READY: "waiting for a call",
    AgentState.PREVIEW: "no call yet: read, then dial or skip",
    AgentState.RESERVED: "a call is coming",
    AgentState.TALKING: "on the line",
    AgentState.HOLD: "the person hears music",
    AgentState.WRAP_UP: "say what became of the call",
}
_CALL_TITLES: Final = {
    AgentState.PREVIEW: "To be called",
    AgentState.RESERVED: "Coming",
    AgentState.TALKING: "On the line",
    AgentState.HOLD: "On hold",
}
_KEYS: Final[dict[AgentState, tuple[tuple[str, str], ...]]] = {
    AgentState.OFFLINE: (("r", "ready"),),
    AgentState.PAUSED: (("r", "ready"), ("p", "other pause")),
    AgentState.READY: (("p", "pause"),),
    AgentState.PREVIEW: (("d", "dial"), ("s", "skip"), ("p", "pause, the account goes back")),
    AgentState.RESERVED: (("p", "pause after the call"),),
    AgentState.TALKING: (("h", "hang up"), ("l", "hold"), ("n", "note"), ("p", "pause after the call")),
    AgentState.HOLD: (("l", "back to the person"), ("h", "hang up"), ("n", "note"), ("p", "pause after the call")),
    AgentState.WRAP_UP: (("n", "note"), ("p", "pause afterwards")),
}
_GOODBYES: Final = {
    LEFT: "You left; the gateway signs you out if it does not hear from you again.",
    "signed_out": "You are signed out.",
    "taken_over": "You signed in on another screen; this one is closed.",
    "expired": "This screen was silent for too long; sign in again.",
}


def goodbye(reason: str) -> str:
    """What the terminal says when the gateway has closed the session."""
    return _GOODBYES.get(reason, "The gateway closed this session.")


def plain(text: str) -> Text:
    """Somebody else's text, safe to show."""
    return Text("".join(char if char.isprintable() else " " for char in text))


def clock(seconds: float) -> str:
    """Seconds as m:ss, or h:mm:ss."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def draw(screen: Screen, now: float) -> RenderableType:
    """The whole screen at `now` (local monotonic seconds)."""
    parts: list[RenderableType] = [_head(screen, now)]
    if screen.call is not None:
        parts.append(_person(screen))
    if screen.form is not None:
        parts.append(_form(screen))
    elif screen.picking is not None:
        parts.append(_reasons(screen, screen.picking))
    elif screen.looks_at is not None:
        parts.append(_time_left(screen, now))
    elif screen.call is not None:
        parts.append(_dispositions(screen, now))
    parts += [_keys(screen), Text(""), Text.assemble(" ", (plain(screen.notice).plain, "bold red"))]
    return Group(*parts)


def _head(screen: Screen, now: float) -> RenderableType:
    state = screen.now
    colour = _COLOURS[state] if screen.linked else "red"
    name = state.replace("_", "-").upper() if screen.linked else "NOT CONNECTED"
    elapsed = clock(screen.elapsed_s(now)) if screen.linked and screen.state is not None else ""
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(ratio=1)
    grid.add_column(justify="right")
    grid.add_row(
        Text.assemble((f" {name} ", f"bold reverse {colour}"), "  ", (elapsed, f"bold {colour}")),
        Text.assemble("phone ", _lamp(screen.linked and screen.state is not None and screen.state.phone_connected)),
    )
    grid.add_row(Text(_meaning(screen), style="dim"), Text.assemble("gateway ", _lamp(screen.linked)))
    who = screen.agent if screen.welcome is None else screen.welcome.name or screen.agent
    return Panel(
        grid, title=Text("Fairdial"), title_align="left", subtitle=plain(who), subtitle_align="right", box=box.ROUNDED
    )


def _lamp(lit: bool) -> tuple[str, str]:
    return ("●", "green") if lit else ("○", "red")


def _meaning(screen: Screen) -> str:
    if not screen.linked:
        return "the gateway cannot be reached; trying again"
    state = screen.state
    if state is None:
        return ""
    if state.state in {AgentState.PAUSED, AgentState.OFFLINE}:
        words = _reason(screen, state.reason)
        return f"{words}; ready as soon as it is connected" if state.wish is Wish.READY else words
    meaning = _MEANINGS[state.state]
    if state.wish is Wish.PAUSE:
        return f"{meaning}; then pause ({_reason(screen, state.wish_reason)}), r takes it back"
    return f"{meaning}; then sign out" if state.wish is Wish.SIGN_OUT else meaning


def _reason(screen: Screen, code: str | None) -> str:
    if code is None:
        return ""
    labels = {} if screen.welcome is None else {choice.code: choice.label for choice in screen.welcome.pause_reasons}
    return plain(labels.get(code) or _WORDS.get(code) or code).plain


def _person(screen: Screen) -> RenderableType:
    if screen.call is None:
        return Text("")
    facts = Table.grid(padding=(0, 2))
    facts.add_row(Text.assemble((plain(screen.call.person).plain or "unknown person", "bold")))
    details = Table.grid(padding=(0, 2))
    for line in screen.call.lines:
        details.add_row(Text.assemble((plain(line.label).plain, "dim")), plain(line.text))
    say = Group(*(Text.assemble(("› ", "dim"), plain(sentence)) for sentence in screen.call.say))
    both = Table.grid(expand=True)
    both.add_column(ratio=1)
    both.add_column(ratio=1)
    if screen.note:
        details.add_row(Text("Your note", style="dim"), plain(screen.note))
    title = _CALL_TITLES.get(screen.now, "The call")
    both.add_row(
        Panel(Group(facts, details), title=title, title_align="left", box=box.ROUNDED),
        Panel(say, title="To say", title_align="left", box=box.ROUNDED),
    )
    return both


def _dispositions(screen: Screen, now: float) -> RenderableType:
    if screen.call is None:
        return Text("")
    live = screen.now is AgentState.WRAP_UP
    items = Columns([_choice(choice, live) for choice in screen.call.dispositions], equal=True, expand=True)
    left_s = screen.call.wrap_up_s - screen.elapsed_s(now)
    title = f"What became of it · {clock(max(left_s, 0.0))} left" if live else "What became of it (after the call)"
    colour = "bright_magenta" if live and left_s > 5 else "red" if live else "dim"
    return Panel(items, title=title, title_align="left", border_style=colour, box=box.ROUNDED)


def _choice(choice: DispositionChoice, live: bool) -> Text:
    key = choice.letter or choice.keys
    return Text.assemble(
        (f" {key} ", "bold reverse" if live else "dim"), (f" {plain(choice.label)}", "" if live else "dim")
    )


_HURRY_S: Final = 10.0


def _time_left(screen: Screen, now: float) -> RenderableType:
    """What is left of the time to say dial or skip; the bar is full at first."""
    given_s = screen.call.preview_s if screen.call is not None else 0.0
    left_s = max(given_s - screen.elapsed_s(now), 0.0)
    colour = "red" if left_s < _HURRY_S else "bright_cyan"
    bar = ProgressBar(total=max(given_s, 1.0), completed=left_s, complete_style=colour, finished_style=colour)
    title = f"Dial or skip · {clock(left_s)} left, then you are paused"
    return Panel(bar, title=title, title_align="left", border_style=colour, box=box.ROUNDED)


def _reasons(screen: Screen, picking: Picking) -> RenderableType:
    items = [
        Text.assemble((f" {number} ", "bold reverse"), f" {plain(choice.label)}")
        for number, choice in enumerate(screen.reasons, start=1)
    ]
    if picking is Picking.SKIP:
        items.append(Text.assemble((" s ", "bold reverse"), " No reason"))
    return Panel(
        Columns(items, equal=True, expand=True),
        title=picking.value,
        title_align="left",
        border_style="yellow",
        box=box.ROUNDED,
    )


def _form(screen: Screen) -> RenderableType:
    form = screen.form
    if form is None:
        return Text("")
    title = "Note" if form.disposition is None else plain(form.disposition.label).plain
    given = [
        Text(f"{field.value}: {answer}", style="dim") for field, answer in zip(form.fields, form.answers, strict=False)
    ]
    line = Text.assemble((f"{form.field.value}: ", "bold"), plain(form.text), ("▏", "blink"))
    problem = Text(form.problem, style="red")
    return Panel(
        Group(*given, line, problem), title=title, title_align="left", border_style="bright_magenta", box=box.ROUNDED
    )


def _keys(screen: Screen) -> RenderableType:
    if not screen.linked:
        keys: tuple[tuple[str, str], ...] = (("q", "quit"),)
    elif screen.form is not None:
        keys = (("Enter", "go on"), ("Esc", "back"))
    elif screen.picking is not None:
        keys = (("Esc", "back"),)
    elif screen.leaving:
        keys = (("q", "again to sign out"), ("Esc", "stay"))
    else:
        keys = (*_KEYS[screen.now], ("q", "sign out"))
    parts: list[str | tuple[str, str]] = []
    for key, meaning in keys:
        parts += [(f" {key} ", "bold reverse"), f" {meaning}   "]
    return Text.assemble(" ", *parts)
