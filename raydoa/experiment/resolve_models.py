"""The models of a sweep: where they are, how large they are, and whether they share an output space.

Distillation compares distributions over one output space (a vocabulary, or the task's classes). That is
checked here, before a dollar is spent on a teacher.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from raydoa.errors import Unreachable, UserError, did_you_mean
from raydoa.experiment.config import Sweep
from raydoa.models.family import ModelShape
from raydoa.models.hub import checkpoint_folder, locate
from raydoa.models.lookup import family_at, known_shapes, own_models, shape_at
from raydoa.pipeline.stages import Checkpoint


@dataclass(frozen=True)
class Models:
    """Models by name.

    Attributes:
        own: names of those that raydoa builds itself.
        checkpoints: the others; a stand-in for one that cannot be reached.
        places: where the reachable checkpoints are, by fingerprint.
        shapes: their dimensions, by name.
    """

    own: tuple[str, ...]
    checkpoints: Mapping[str, Checkpoint]
    places: Mapping[str, str]
    shapes: Mapping[str, ModelShape]


def find_models(sweep: Sweep, places: Mapping[str, str], missing: list[str]) -> Models:
    """Find the models that the strategies of ``sweep`` use.

    Args:
        sweep: names them.
        places: folders of some of them, by name; they go before the hub and before raydoa's own models.
        missing: takes a line for each that cannot be reached and can be priced all the same.

    Raises:
        UserError: ``places`` names another model, a folder is no checkpoint, the output spaces differ, or a model
            can neither be reached nor priced.
    """
    _check_places(sweep, places)
    teachers = sweep.used_teachers
    names = dict.fromkeys((sweep.student, *teachers))
    own = tuple(name for name in names if name in own_models() and name not in places)
    checkpoints: dict[str, Checkpoint] = {}
    where: dict[str, str] = {}
    folders: dict[str, Path] = {}
    for name in names:
        if name in own:
            continue
        try:
            located = locate(name, places.get(name))
        except Unreachable as why:
            if name not in known_shapes():
                near = did_you_mean(name, [*own_models(), *known_shapes()])
                raise UserError(
                    f"{why}; its size is not known, so it cannot be priced either{near}"
                ) from why
            missing.append(str(why))
            stand_in = hashlib.sha256(f"unreachable {name}".encode()).hexdigest()
            checkpoints[name] = Checkpoint(name, stand_in)
            continue
        checkpoints[name] = Checkpoint(name, located.fingerprint)
        where[located.fingerprint] = located.place
        folders[name] = checkpoint_folder(located.place, weights=False)
    if sweep.representation.kind != "text":
        _check_output_spaces(sweep.student, teachers, folders, own)
    shapes = {name: shape_at(folder) for name, folder in folders.items()}
    return Models(own, checkpoints, where, shapes)


def _check_places(sweep: Sweep, places: Mapping[str, str]) -> None:
    used_models = (sweep.student, *sweep.grid.teachers)
    for name in places:
        if name not in used_models:
            raise UserError(
                f"--model {name}=...: no model of this sweep, whose student is {sweep.student} and whose teachers "
                f"are {', '.join(sweep.grid.teachers)}; name it with --student or --teachers as well"
            )


def _check_output_spaces(
    student: str, teachers: Iterable[str], folders: Mapping[str, Path], own: Iterable[str]
) -> None:
    """Compare what the models that can be reached write."""
    spaces = {name: family_at(folder).output_space(folder) for name, folder in folders.items()}
    # Own models of a family share what they learn from the task (a vocabulary, its classes), and nobody else has it.
    spaces |= {name: f"{own_models()[name].name} here" for name in own}
    for teacher in teachers:
        if {student, teacher} <= spaces.keys() and spaces[student] != spaces[teacher]:
            raise UserError(
                f"teacher {teacher} and student {student} have different output spaces "
                f"({spaces[teacher][:12]} and {spaces[student][:12]}); distillation needs the same on both "
                "sides, unless representation.kind is text: choose --student and --teachers of one family"
            )
