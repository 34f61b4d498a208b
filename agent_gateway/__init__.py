"""Agents: who is on the floor, who gets which call, what an agent may say about it, and how agents talk to the engine.

`lifecycle` is one transition table, `matching` and `disposition` are decisions as pure functions, `floor` owns the
state of every `agent` at run time, `protocol` and `server` are the WebSocket an agent's screen speaks. The switch is
reached only through `domain.telephony.Telephony`, which is handed in.
"""
