"""A call floor in virtual time, to measure pacing policies on: the production decision code and its rivals alike."""
