"""Label Studio: JSON, and JSON-MIN with its CSV twin (choices and labels of text)."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from raydoa.errors import UserError
from raydoa.tasks.exports.export import Export, Exported, Span, entities_of, one_label

_OF_MIN = {"annotation_id", "annotator", "created_at", "updated_at", "lead_time", "id"}
"""What JSON-MIN has beside the texts and what was said of them."""


class LabelStudio(Export):
    """A task with its text under `data`, and an annotation for each who has done it."""

    name = "Label Studio JSON"

    def knows(self, values: Mapping[str, Any]) -> bool:
        """See `Export.knows`."""
        return isinstance(values.get("data"), dict) and isinstance(values.get("annotations"), list)

    def read(self, values: Mapping[str, Any], column: str, location: str) -> Exported:
        """See `Export.read`."""
        source = _text_of(values["data"], column, location)
        said = [
            _said(source, annotation.get("result", []), location)
            for annotation in values["annotations"]
            if not annotation.get("was_cancelled")
        ]
        return Exported(source, tuple(one for one in said if one is not None))


class LabelStudioMin(Export):
    """A row an annotation; in CSV, what is no plain choice is JSON in a field."""

    name = "Label Studio JSON-MIN or CSV"

    def knows(self, values: Mapping[str, Any]) -> bool:
        """See `Export.knows`."""
        return {"annotation_id", "lead_time", "annotator"} <= values.keys()

    def read(self, values: Mapping[str, Any], column: str, location: str) -> Exported:
        """See `Export.read`."""
        rest = {name: value for name, value in values.items() if name not in _OF_MIN}
        source_name = column if column in rest else "text"
        source = rest.pop(source_name, None)
        if len(rest) != 1:
            raise UserError(
                f"{location}: found {', '.join(map(repr, rest)) or 'nothing'} beside {source_name!r}; one of them is the label: "
                "name both under `columns`, and leave the others out of the export"
            )
        (value,) = rest.values()
        return Exported(source, tuple(_of_min(source, value, location)))


def _of_min(source: object, value: Any, location: str) -> Iterator[str]:
    if isinstance(value, str) and value[:1] in ("[", "{"):
        value = json.loads(value)
    if isinstance(value, dict) and "choices" in value:
        value = value["choices"]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        yield entities_of(source, _spans(value), location)
    elif isinstance(value, list):
        yield one_label(value, location)
    elif value not in (None, ""):
        yield str(value)


def _text_of(data: Mapping[str, Any], column: str, location: str) -> object:
    for name in (column, "text"):
        if name in data:
            return data[name]
    texts = [name for name, value in data.items() if isinstance(value, str)]
    if len(texts) != 1:
        raise UserError(
            f"{location}: data has {', '.join(map(repr, data))}; say under `columns` which is the source"
        )
    return data[texts[0]]


def _said(source: object, results: list[dict[str, Any]], location: str) -> str | None:
    """What one annotator said; None: nothing that is known here."""
    choices = [c for one in results if one.get("type") == "choices" for c in one["value"]["choices"]]  # fmt: skip
    if choices:
        return one_label(choices, location)
    spans = [one["value"] for one in results if one.get("type") == "labels"]
    if spans:
        return entities_of(source, _spans(spans), location)
    # Somebody looked, and there is no entity.
    return "" if not results else None


def _spans(values: list[dict[str, Any]]) -> Iterator[Span]:
    for value in values:
        for label in value.get("labels", ()):
            yield int(value["start"]), int(value["end"]), str(label)
