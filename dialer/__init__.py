"""The engine: turns decisions into calls, on a real Asterisk or a simulated one."""
