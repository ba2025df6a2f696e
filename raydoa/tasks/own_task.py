"""A task of one's own: a YAML file, and what it leaves out as its rows show it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from raydoa.errors import Unreachable, UserError
from raydoa.settings import parse, read_mapping
from raydoa.tasks.task import CLOSED_METRICS, METRIC_NAMES, TaskSpec, hub_dataset

if TYPE_CHECKING:
    from raydoa.tasks.infer import Inferred

_MAY_BE_LEFT_OUT: Mapping[str, Any] = {
    "prefix": "", "metric": "exact_match", "source_length": 2, "target_length": 2,
}  # fmt: skip
"""And what stands for it while rows are read to infer it."""
_OF_CLASSES = ("classes", "class_of", "class_descriptions")


def read_task_yaml(path: Path) -> TaskSpec:
    """Read a user's task; relative locations in it are relative to the YAML file's own folder.

    Prefix, metric, classes and lengths may be left out: then they are inferred from the labelled rows, and `TaskSpec.inferred`
    says how.

    Raises:
        UserError: the file is missing or not a task, names no train or test rows, or those do not show what it leaves out.
    """
    values = read_mapping(path)
    if "inferred" in values:
        raise UserError(f"{path}: inferred: unknown field; what is left out is inferred")
    left_out = [name for name in _MAY_BE_LEFT_OUT if name not in values]
    if _lacks_classes(values):
        left_out.append("classes")
    if not left_out:
        return _task(values, path)
    # Imported here: few tasks leave anything out, and it brings numpy.
    from raydoa.tasks.infer import infer

    others = {name: value for name, value in values.items() if name not in (*_OF_CLASSES, "metric")}
    probe, metric = _task({**_MAY_BE_LEFT_OUT, **others}, path), values.get("metric")
    known = metric if metric is None or metric in METRIC_NAMES else _MAY_BE_LEFT_OUT["metric"]
    try:
        found = infer(probe, metric=known, classes=_names(values))
    except Unreachable as why:
        raise UserError(
            f"{path}: leaves out {', '.join(left_out)}, and rows to infer that from cannot be reached ({why})"
        ) from why
    added = [field for field in found.fields if field.name in left_out]
    whole = {**values, **{field.name: field.value for field in added}}
    return _task({**whole, "inferred": tuple(_lines(path, added))}, path)


def write_task(spec: TaskSpec, path: Path) -> None:
    """Write a task as a YAML file that leaves nothing out. Raises `UserError`: another is there, or it cannot be written."""
    values = spec.model_dump(mode="json", exclude_defaults=True)
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=None)
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise UserError(
            f"{path}: is there already, and says something else; remove it, or save elsewhere"
        )
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from error


def _lacks_classes(values: Mapping[str, Any]) -> bool:
    has_some = values.get("metric", "accuracy") in (*CLOSED_METRICS, "entity_f1")
    return has_some and "classes" not in values


def _names(values: Mapping[str, Any]) -> Sequence[str]:
    """The classes, where the file says them, or what its numbers stand for."""
    named, class_of = values.get("classes"), values.get("class_of")
    if not isinstance(named, list):
        named = class_of.values() if isinstance(class_of, dict) else ()
    return list(dict.fromkeys(map(str, named)))


def _lines(path: Path, added: "Sequence[Inferred]") -> Iterator[str]:
    for field in added:
        why = f" ({field.why})" if field.why else ""
        yield f"{path}: leaves out {field.name}, which is inferred: {field.written}{why}"


def _task(values: Mapping[str, Any], path: Path) -> TaskSpec:
    spec = parse(values, TaskSpec, where=str(path))
    for part in ("train", "test"):
        if getattr(spec, part) is None:
            raise UserError(f"{path}: {part}: missing; a task of one's own says where its rows are")
    here = path.resolve().parent
    moved = {
        part: _beside(here, location)
        for part in ("train", "test", "pool", "text")
        if (location := getattr(spec, part)) is not None
    }
    for name in ("bertscore_model", "prompt", "system_prompt"):
        if (file := getattr(spec, name)) is not None:
            moved[name] = str(here / file)
    return spec.model_copy(update=moved)


def _beside(folder: Path, location: str) -> str:
    """A location in a YAML file that lies in ``folder``; a dataset that is a folder there is that, and not one of the hub."""
    dataset = hub_dataset(location)
    if dataset is None:
        return str(folder / location)
    if not (folder / dataset.name).is_dir():
        return location
    return ":".join(filter(None, (f"hf:{folder / dataset.name}", dataset.config, dataset.split)))
