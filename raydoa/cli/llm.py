"""`raydoa llm pilot`: measure an LLM on owned rows, and say what it found; nothing else is bought or made."""

import argparse

from raydoa.cli.configured import add_configuration, configured


def add(parser: argparse.ArgumentParser) -> None:
    """The commands of LLMs."""
    commands = parser.add_subparsers(dest="llm_command", required=True)
    pilot = commands.add_parser(
        "pilot", help="measure LLMs on owned rows: score, bias, refusals, dollars"
    )
    add_configuration(pilot, "embedded")
    pilot.set_defaults(run=_pilot)


def _pilot(options: argparse.Namespace) -> int:
    from raydoa.api.llm import pilots

    for number, pilot in enumerate(pilots(configured(options))):
        print("\n".join([*([""] if number else []), *pilot]))
    return 0
