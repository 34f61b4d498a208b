"""Draws the agent's transition table for `docs/reference/agent-states.md`; a test holds the page to the table."""

from __future__ import annotations

import re

from agent_gateway.agent import EVENT_KINDS, AgentEvent, AgentState
from agent_gateway.lifecycle import TRANSITIONS, Choice


def event_name(kind: type[AgentEvent]) -> str:
    """`LegLost` as people read it: "leg lost"."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", kind.__name__).lower()


def mermaid() -> str:
    """The table as a Mermaid state diagram; events that leave an agent where it is are not drawn."""
    edges: dict[tuple[AgentState, AgentState], list[str]] = {}
    for state, row in TRANSITIONS.items():
        for kind, target in row.items():
            ends = target.options if isinstance(target, Choice) else (target,)
            for end in ends:
                if end is not state:
                    edges.setdefault((state, end), []).append(event_name(kind))
    lines = ["stateDiagram-v2", f"    [*] --> {AgentState.OFFLINE}"]
    lines += [f"    {start} --> {end}: {', '.join(names)}" for (start, end), names in edges.items()]
    return "\n".join(lines)


def table() -> str:
    """Every state and event as a Markdown table; a dash is an event that is refused there."""
    states = list(AgentState)
    head = ["| event | " + " | ".join(states) + " |", "|---" * (len(states) + 1) + "|"]
    return "\n".join(head + [_row(kind, states) for kind in EVENT_KINDS])


def _row(kind: type[AgentEvent], states: list[AgentState]) -> str:
    cells = [_cell(state, kind) for state in states]
    return f"| {event_name(kind)} | " + " | ".join(cells) + " |"


def _cell(state: AgentState, kind: type[AgentEvent]) -> str:
    target = TRANSITIONS[state].get(kind)
    if target is None:
        return "–"
    if isinstance(target, Choice):
        return " / ".join(target.options)
    return "stays" if target is state else str(target)


def choices() -> str:
    """The rules of transitions with more than one end, as a Markdown list."""
    rules = {
        target.rule: target.options
        for row in TRANSITIONS.values()
        for target in row.values()
        if isinstance(target, Choice)
    }
    return "\n".join(f"* {' / '.join(options)}: {rule}." for rule, options in rules.items())


def page() -> str:
    """The reference page, whole."""
    return f"""# Agent states

Drawn from the table in `agent_gateway/lifecycle.py` by `agent_gateway/diagram.py`; do not edit by hand. To renew it:
`python -c "from agent_gateway.diagram import page; print(page(), end='')" > docs/reference/agent-states.md`.

```mermaid
{mermaid()}
```

An agent counts as *due back* in ready, preview, reserved, talking, hold and wrap-up, unless a pause or a sign-out has
been announced or the phone is gone. With nobody due back no call is placed, in any mode.

## Every event in every state

{table()}

Where there are several ends:

{choices()}

A dash is refused: nothing changes, the refusal is logged and counted. So is an event about a call or a leg that is not
the agent's now.
"""
