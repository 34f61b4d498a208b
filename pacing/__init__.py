"""How many calls now? Pure: a snapshot of the floor and targets in, a decision with its reasons out."""
