"""Stand-ins that ship with the engine: a simulated switch, virtual time, the test carrier and softphones."""
