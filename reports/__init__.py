"""The read side: summaries, funnels and exports for people."""
