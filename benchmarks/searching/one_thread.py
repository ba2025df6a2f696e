"""Processes that compute with one thread each: a script runs one of them for each job."""

import multiprocessing
import os
from multiprocessing.context import SpawnContext


def one_thread() -> SpawnContext:
    """How to start such processes: their libraries are imported anew, and read the environment when they are."""
    for library in ("OMP", "MKL", "OPENBLAS"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    return multiprocessing.get_context("spawn")
