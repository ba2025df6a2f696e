"""The main grid: which strategy wins, over budgets, N, U and teachers?

python sweeps/main_grid.py                                          the embedded default
python sweeps/main_grid.py --task wlp --data FOLDER                 real rows, nano models
python sweeps/main_grid.py --config paper --dry-run                 the paper's grid, priced
python sweeps/main_grid.py sweeps/my_sweep.yaml --dry-run           a sweep in a file
"""

import sys

from raydoa.cli import sweep_main

if __name__ == "__main__":
    sys.exit(sweep_main("embedded"))
