"""The same training twice: as anybody writes it with transformers, and in raydoa's loop; what `benchmarks/training_loop.py` times."""
