"""The demo: a whole collections floor on one machine, from an empty store to a summary that two files agree on."""
