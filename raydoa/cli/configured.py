"""The configuration that a command's flags mean: a preset, then a file, then the flags."""

import argparse
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from raydoa.api.configure import Chosen
from raydoa.cli.flags import add_flags, changes_of, flags
from raydoa.experiment.configuration import read_configuration
from raydoa.experiment.hardware import HARDWARE
from raydoa.experiment.presets import PRESETS, base_configuration, preset
from raydoa.experiment.whole_tasks import with_whole_tasks


def add_configuration(parser: argparse.ArgumentParser, default: str) -> None:
    """The flags that say which configuration is meant; ``default`` is the preset where none is named."""
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE",
                        help="a configuration in YAML, which flags override (docs/api.md)")  # fmt: skip
    parser.add_argument("--config", metavar="PRESET",
                        help=f"what file and flags leave open: {', '.join(PRESETS)} (default: {default})")  # fmt: skip
    parser.add_argument("--cluster", metavar="HARDWARE",
                        help=f"the hardware, and settings that suit it: {', '.join(HARDWARE)}")  # fmt: skip
    parser.add_argument("--save", type=Path, metavar="FILE",
                        help="write the complete configuration there as well, in YAML")  # fmt: skip
    add_flags(parser, preset(default))
    parser.set_defaults(default=default)


def configured(options: argparse.Namespace) -> Chosen:
    """The configuration that the flags mean, written to `--save` if that is given.

    Raises:
        UserError: one line that names the file or flag, and the field.
    """
    file = read_configuration(options.file) if options.file is not None else None
    base = base_configuration(options.default, name=options.config, file=file, tasks=options.tasks)
    changes = changes_of(options, base)
    configuration = base.changed(changes, cluster=options.cluster)
    if options.save is not None:
        with_whole_tasks(configuration, options.save).write(options.save)
    given = file.given if file is not None else frozenset()
    return Chosen(configuration, given | changes.keys(), frozenset(changes))


def command_line(command: str, options: argparse.Namespace, settings: Mapping[str, Any]) -> str:
    """Another command for the same configuration, with some settings in place of what was given for them."""
    words = ["raydoa", command, *([str(options.file)] if options.file is not None else [])]
    for name in ("config", "cluster"):
        if (value := getattr(options, name)) is not None:
            words += [f"--{name}", value]
    for flag in flags():
        given = getattr(options, flag.name)
        if flag.name in settings and not settings[flag.name]:
            words += ["--set", f"{flag.name}=[]"]
        elif flag.name in settings:
            words += flag.written(settings[flag.name])
        elif given is not None:
            words += flag.written(given)
    words += [word for text in options.assignments for word in ("--set", text)]
    return shlex.join(words)
