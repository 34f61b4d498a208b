"""How busy pacing keeps a team within its budget of abandoned calls, beside its rivals."""
