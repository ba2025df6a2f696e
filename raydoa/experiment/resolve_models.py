"""The models of a sweep: where they are, how large they are, and what they write."""

import hashlib
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path

from raydoa.errors import Unreachable, UserError, did_you_mean
from raydoa.experiment.config import Sweep
from raydoa.models.checkpoint_check import check_checkpoint, check_targets
from raydoa.models.hub import Located, checkpoint_folder, local_folder, locate
from raydoa.models.lookup import family_at, known_names, known_shape, own_models, shape_at
from raydoa.models.meeting import Speaker
from raydoa.models.model_shape import ModelShape
from raydoa.models.naming import ModelName
from raydoa.pipeline.beginnings import Checkpoint, TakeLayers


@dataclass(frozen=True)
class Models:
    """Models by name.

    Attributes:
        own: names of those that raydoa builds itself.
        checkpoints: the others; a stand-in for one that cannot be reached.
        places: where the reachable checkpoints are, by fingerprint.
        shapes: their dimensions, by name.
        speakers: what they write, by name.
        folders: where the tokenizers of the reachable checkpoints are, by name.
    """

    own: tuple[str, ...]
    checkpoints: Mapping[str, Checkpoint | TakeLayers]
    places: Mapping[str, str]
    shapes: Mapping[str, ModelShape]
    speakers: Mapping[str, Speaker]
    folders: Mapping[str, Path]


def find_models(sweep: Sweep, places: Mapping[str, str], missing: list[str]) -> Models:
    """Find the models that the strategies of ``sweep`` use.

    Args:
        sweep: names them.
        places: folders of some of them, by name; they go before the hub and before raydoa's own models.
        missing: takes a line for each that cannot be reached and can be priced all the same.

    Raises:
        UserError: ``places`` names another model, a folder is no checkpoint or a broken one, or a model can neither be
            reached nor priced.
    """
    _check_places(sweep, places)
    teachers = sweep.used_teachers
    names = dict.fromkeys((sweep.student, *teachers))
    own = tuple(name for name in names if name in own_models() and name not in places)
    checkpoints: dict[str, Checkpoint | TakeLayers] = {}
    where: dict[str, str] = {}
    folders: dict[str, Path] = {}
    for name in names:
        if name in own:
            continue
        named = ModelName.of(name)
        try:
            place = places.get(name) or places.get(named.base)
            if place is None and named.base in own_models():
                raise UserError(
                    f"model {name}: {named.base} is made here, and settings in brackets are of checkpoints"
                )
            located, folders[name] = _found(named, place)
        except Unreachable as why:
            if known_shape(name) is None:
                near = did_you_mean(named.base, [*own_models(), *known_names()])
                raise UserError(
                    f"{why}; its size is not known, so it cannot be priced either{near}"
                ) from why
            if str(why) not in missing:
                missing.append(str(why))
            stand_in = hashlib.sha256(f"unreachable {named.base}".encode()).hexdigest()
            checkpoints[name] = _begun(named, Checkpoint(name, stand_in))
            continue
        checkpoints[name] = _begun(named, Checkpoint(name, located.fingerprint))
        where[located.fingerprint] = located.place
    shapes = {
        name: shape_at(folder, ModelName.of(name).settings) for name, folder in folders.items()
    }
    speakers = {name: _speaker(name, folders.get(name), shapes, own) for name in names}
    return Models(own, checkpoints, where, shapes, speakers, folders)


def _speaker(
    name: str, folder: Path | None, shapes: Mapping[str, ModelShape], own: Container[str]
) -> Speaker:
    if name in own:
        # Own models of a family share what they learn from the task (a vocabulary, its classes), and nobody else has it.
        family = own_models()[name]
        return Speaker(name, family.name, f"{family.name} here", outputs=0)
    if folder is None:
        shape = known_shape(name)
        assert shape is not None, "what cannot be reached and is of no known size is refused"
        return Speaker(name, shape.family, None, shape.outputs, shape.writes)
    family, shape = family_at(folder, ModelName.of(name).settings.kind), shapes[name]
    return Speaker(name, family.name, family.output_space(folder), shape.outputs, shape.writes)


def _begun(named: ModelName, checkpoint: Checkpoint) -> Checkpoint | TakeLayers:
    layers = named.settings.layers
    if not layers:
        return checkpoint
    return TakeLayers(named.text, Checkpoint(named.base, checkpoint.fingerprint), layers)


def _found(named: ModelName, place: str | None) -> tuple[Located, Path]:
    """Where a checkpoint is, and the folder of its description; of a hub model only what is in the local cache is checked."""
    folder = local_folder(named.base, place)
    if folder is not None:
        # Before its fingerprint is taken, for which all its bytes are read.
        check_checkpoint(folder)
    located = locate(named.base, place, named.settings.model_revision)
    described = checkpoint_folder(located.place, weights=False)
    if folder is None:
        check_checkpoint(described, whole=False)
    check_targets(described, named.settings.lora_target_modules)
    return located, described


def _check_places(sweep: Sweep, places: Mapping[str, str]) -> None:
    used_models = {sweep.student, *sweep.grid.teachers}
    used_models |= {ModelName.of(name).base for name in used_models}
    for name in places:
        if name not in used_models:
            raise UserError(
                f"--model {name}=...: no model of this sweep, whose student is {sweep.student} and whose teachers "
                f"are {', '.join(sweep.grid.teachers)}; name it with --student or --teachers as well"
            )
