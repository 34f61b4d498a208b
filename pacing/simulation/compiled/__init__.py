"""The simulated floor and the rivals' rules once more, compiled: for searches that need thousands of runs.

Needs numba (`pip install fairdial[sim]`). The engine never imports it.
"""
