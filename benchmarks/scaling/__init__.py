"""How far raydoa scales: grids to measure it on, and what `benchmarks/scale.py` measures."""
