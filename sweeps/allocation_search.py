"""The best split of a budget over labels, a teacher, its pool and the student, for a part of that budget.

python sweeps/allocation_search.py --budget 5                                 the embedded task
python sweeps/allocation_search.py --task wlp --data FOLDER --budget 100      real rows, nano models
python sweeps/allocation_search.py --budget 5 --searcher optuna:tpe           a baseline
python sweeps/allocation_search.py --budget 5 --objective frontier            a plan for every budget up to it
"""

import sys

from raydoa.cli import search_main

if __name__ == "__main__":
    sys.exit(search_main("embedded"))
