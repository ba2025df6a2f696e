"""One thread for each process: import this before NumPy; the script runs one process for each job."""

import os

for _library in ("OMP", "MKL", "OPENBLAS"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
