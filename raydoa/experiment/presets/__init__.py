"""Presets: functions, each of which returns a complete configuration.

`embedded` needs nothing but the package, `nano` is the same family on rows of one's own, `paper` is the grid of
"Distill or Annotate?" (arXiv 2305.01645) with its models, and `paper-llm` that of its section 5. `encoders` and `decoders`,
and what begins with their names, ask its question of models that people ship today.
"""

from collections.abc import Callable, Iterable, Mapping

from raydoa.errors import UserError, did_you_mean
from raydoa.experiment.configuration import Configuration, ConfigurationFile
from raydoa.experiment.presets.decoders import decoders, decoders_lora
from raydoa.experiment.presets.encoders import encoders, encoders_large
from raydoa.experiment.presets.nano import embedded, nano
from raydoa.experiment.presets.paper import PAPER_TASKS, paper
from raydoa.experiment.presets.paper_llm import paper_llm

__all__ = [
    "PAPER_TASKS",
    "PRESETS",
    "base_configuration",
    "decoders",
    "decoders_lora",
    "embedded",
    "encoders",
    "encoders_large",
    "nano",
    "paper",
    "paper_llm",
    "preset",
]

PRESETS: Mapping[str, Callable[[], Configuration]] = {
    "embedded": embedded,
    "nano": nano,
    "paper": paper,
    "paper-llm": paper_llm,
    "encoders": encoders,
    "encoders-large": encoders_large,
    "decoders": decoders,
    "decoders-lora": decoders_lora,
}


def preset(name: str, where: str = "--config") -> Configuration:
    """The configuration called ``name``; ``where`` names the flag or field in the error.

    Raises:
        UserError: there is none.
    """
    if name not in PRESETS:
        raise UserError(
            f"{where}: found {name!r}; known are {', '.join(PRESETS)}{did_you_mean(name, list(PRESETS))}"
        )
    return PRESETS[name]()


def base_configuration(
    default: str,
    *,
    name: str | None = None,
    file: ConfigurationFile | None = None,
    tasks: Iterable[str] | None = None,
) -> Configuration:
    """A preset, with what a file changes in it.

    Args:
        default: the preset where none is named; `nano` stands in for it if it does not have the tasks.
        name: the preset, whatever the file says.
        file: names a preset, or leaves that open as well.
        tasks: those that are asked for, if not the file's.

    Raises:
        UserError: there is no such preset, or a field of the file is wrong.
    """
    if name is not None:
        return _over(preset(name), file)
    if file is not None and file.preset is not None:
        return file.over(preset(file.preset, f"{file.path}: preset"))
    base = preset(default)
    configuration = _over(base, file)
    lacking = set(tasks or configuration.sweep.grid.tasks) - set(base.sweep.grid.tasks)
    return _over(nano(), file) if lacking else configuration


def _over(base: Configuration, file: ConfigurationFile | None) -> Configuration:
    return base if file is None else file.over(base)
