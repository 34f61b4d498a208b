"""From audio on disk to a sealed, catalogued recording and a listening copy."""
