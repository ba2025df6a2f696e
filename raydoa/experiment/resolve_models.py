"""The models of a sweep: where they are, how large they are, and whether they speak one language.

Distillation compares distributions over token ids, so a student and its teachers share a vocabulary. That is
checked here, before a dollar is spent on a teacher.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from raydoa.errors import Unreachable, UserError, did_you_mean
from raydoa.experiment.config import Sweep
from raydoa.models.architecture import NANO_MODELS
from raydoa.models.hub import description_folder, locate, read_config
from raydoa.models.shapes import T5_SHAPES, ModelShape
from raydoa.models.tokenizer import load_tokenizer
from raydoa.pipeline.stages import Checkpoint


@dataclass(frozen=True)
class Models:
    """Models by name.

    Attributes:
        pretrained: names of those that raydoa pretrains itself.
        checkpoints: the others; a stand-in for one that cannot be reached.
        places: where the reachable checkpoints are, by fingerprint.
        shapes: their dimensions, by name.
    """

    pretrained: tuple[str, ...]
    checkpoints: Mapping[str, Checkpoint]
    places: Mapping[str, str]
    shapes: Mapping[str, ModelShape]


def find_models(sweep: Sweep, places: Mapping[str, str], missing: list[str]) -> Models:
    """Find the models that the strategies of ``sweep`` use.

    Args:
        sweep: names them.
        places: folders of some of them, by name; they go before the hub and before nano models.
        missing: takes a line for each that cannot be reached and can be priced all the same.

    Raises:
        UserError: ``places`` names another model, a folder is no checkpoint, the vocabularies differ, or a model
            can neither be reached nor priced.
    """
    _check_places(sweep, places)
    teachers = sweep.grid.used_teachers
    names = dict.fromkeys((sweep.student, *teachers))
    pretrained = tuple(name for name in names if name in NANO_MODELS and name not in places)
    checkpoints: dict[str, Checkpoint] = {}
    where: dict[str, str] = {}
    folders: dict[str, Path] = {}
    for name in names:
        if name in pretrained:
            continue
        try:
            found = locate(name, places.get(name))
        except Unreachable as why:
            if name not in T5_SHAPES:
                near = did_you_mean(name, [*NANO_MODELS, *T5_SHAPES])
                raise UserError(
                    f"{why}; its size is not known, so it cannot be priced either{near}"
                ) from why
            missing.append(str(why))
            stand_in = hashlib.sha256(f"unreachable {name}".encode()).hexdigest()
            checkpoints[name] = Checkpoint(name, stand_in)
            continue
        checkpoints[name] = Checkpoint(name, found.fingerprint)
        where[found.fingerprint] = found.place
        folders[name] = description_folder(found.place)
    _check_vocabularies(sweep.student, teachers, folders, pretrained)
    shapes = {
        name: ModelShape.from_config(read_config(folder), str(folder / "config.json"))
        for name, folder in folders.items()
    }
    return Models(pretrained, checkpoints, where, shapes)


def _check_places(sweep: Sweep, places: Mapping[str, str]) -> None:
    known = (sweep.student, *sweep.grid.teachers)
    for name in places:
        if name not in known:
            raise UserError(
                f"--model {name}=...: no model of this sweep, whose student is {sweep.student} and whose teachers "
                f"are {', '.join(sweep.grid.teachers)}; name it with --student or --teachers as well"
            )


def _check_vocabularies(
    student: str, teachers: Iterable[str], folders: Mapping[str, Path], pretrained: Iterable[str]
) -> None:
    """Compare the tokenizers of the models that can be reached."""
    tokenizers = {name: load_tokenizer(folder).fingerprint for name, folder in folders.items()}
    # Nano models share the vocabulary that is learnt from the task's text, and nobody else has it.
    tokenizers |= dict.fromkeys(pretrained, "learnt here")
    for teacher in teachers:
        if {student, teacher} <= tokenizers.keys() and tokenizers[student] != tokenizers[teacher]:
            raise UserError(
                f"teacher {teacher} and student {student} have different vocabularies "
                f"({tokenizers[teacher][:12]} and {tokenizers[student][:12]}); distillation needs the same on both "
                "sides: choose --student and --teachers of one family"
            )
