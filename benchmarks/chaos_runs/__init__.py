"""Faults from a seed over a small sweep: what `benchmarks/chaos.py` runs."""
