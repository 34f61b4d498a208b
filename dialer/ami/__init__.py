"""The Asterisk Manager Interface: a codec without I/O, typed actions, and a client that keeps one connection alive.

Public names: `AmiClient` and `AmiSettings` (`client`), what it hands on (`event_queue`), the actions (`actions`), the
errors and close reasons (`errors`), `AmiMessage` (`codec`).
"""
