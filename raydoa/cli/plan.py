"""`raydoa plan`: what a budget buys, and what it is likely to bring where that is known; nothing is spent."""

import argparse
import json
from functools import partial

from raydoa.api.plan import answer_of
from raydoa.cli.configured import add_configuration, command_line, configured


def add(parser: argparse.ArgumentParser, default: str = "embedded") -> None:
    """The flags of a plan, and what to do with it."""
    add_configuration(parser, default)
    parser.add_argument("--from", nargs="+", default=[], dest="learn_from", metavar="RESULT_DIR",
                        help="finished sweeps or searches to learn from; of other tasks, as a prior")  # fmt: skip
    parser.add_argument("--what-if", nargs="+", action="extend", default=[], metavar="PRICE=NUMBER",
                        help="plan at another price as well: label=0.10, gpu_hour=1.5, gpu.h100-80gb=3.99, "
                        "grid.france=0.03; both prices halved and doubled, unless given, where scores are known")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    # Imported here: `raydoa store` and `--help` need none of it.
    from raydoa.planning.as_json import as_json
    from raydoa.planning.lines import answer_lines

    answer = answer_of(configured(options), options.learn_from, options.what_if)
    sweep = partial(command_line, "sweep", options)
    lines = answer_lines(answer, sweep)
    print(json.dumps(as_json(answer, sweep), indent=1) if options.json else "\n".join(lines))
    return 0
