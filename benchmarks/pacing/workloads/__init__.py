"""Workload files of the benchmark."""
