"""Label Studio: JSON, and JSON-MIN with its CSV twin (choices, labels of text, and texts that people wrote)."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from raydoa.errors import UserError
from raydoa.tasks.exports.export import Export, Exported, Span, entities_of, of_labels, text_in
from raydoa.tasks.task import Columns

_OF_MIN = {"annotation_id", "annotator", "created_at", "updated_at", "lead_time", "id"}
"""What JSON-MIN has beside the texts and what was said of them."""


class LabelStudio(Export):
    """A task with its text under `data`, and an annotation for each who has done it."""

    name = "Label Studio JSON"

    def knows(self, values: Mapping[str, Any]) -> bool:
        """See `Export.knows`."""
        return isinstance(values.get("data"), dict) and isinstance(values.get("annotations"), list)

    def read(self, values: Mapping[str, Any], columns: Columns, location: str) -> Exported:
        """See `Export.read`."""
        source = text_in(values["data"], columns, location)
        done = [one for one in values["annotations"] if not one.get("was_cancelled")]
        said = [_said(source, one.get("result", []), location) for one in done]
        found = tuple(one for one in said if one is not None)
        return Exported(source, found, nothing=any(not one.get("result") for one in done))


class LabelStudioMin(Export):
    """A record an annotation; in CSV, what is no plain choice is JSON in a field."""

    name = "Label Studio JSON-MIN or CSV"

    def knows(self, values: Mapping[str, Any]) -> bool:
        """See `Export.knows`."""
        return {"annotation_id", "lead_time", "annotator"} <= values.keys()

    def key(self, values: Mapping[str, Any]) -> object:
        """The task's number: each annotator has records of their own."""
        return values.get("id")

    def read(self, values: Mapping[str, Any], columns: Columns, location: str) -> Exported:
        """See `Export.read`."""
        rest = {name: value for name, value in values.items() if name not in _OF_MIN}
        named = columns.source if columns.source in rest and columns.source != Columns().source else "text"  # fmt: skip
        source = rest.pop(named, None)
        if columns.target in rest:
            rest = {columns.target: rest[columns.target]}
        if len(rest) > 1:
            raise UserError(
                f"{location}: found {', '.join(map(repr, rest))} beside {named!r}; say under `columns` which is the target"
            )
        said = tuple(one for value in rest.values() for one in _of_min(source, value, location))
        # Tasks that nobody has done are exported on request, as records of no annotation.
        done = values["annotation_id"] not in (None, "")
        return Exported(source, said, nothing=done and not said)


def _of_min(source: object, value: Any, location: str) -> Iterator[object]:
    if isinstance(value, str) and value[:1] in ("[", "{"):
        with suppress(json.JSONDecodeError):  # A choice may begin so.
            value = json.loads(value)
    if isinstance(value, dict) and "choices" in value:
        value = value["choices"]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        yield entities_of(source, _spans(source, value, location), location)
    elif isinstance(value, list):
        if value:
            yield of_labels(value)
    elif value not in (None, ""):
        yield str(value)


def _said(source: object, results: list[dict[str, Any]], location: str) -> object:
    """What one annotator said; None: nothing that is known here."""
    kinds = {kind: [one["value"] for one in results if one.get("type") == kind] for kind in ("choices", "labels", "textarea")}  # fmt: skip
    if kinds["choices"]:
        return of_labels([c for value in kinds["choices"] for c in value["choices"]])
    if kinds["labels"]:
        return entities_of(source, _spans(source, kinds["labels"], location), location)
    if kinds["textarea"]:
        return of_labels([text for value in kinds["textarea"] for text in value["text"]])
    return None


def _spans(source: object, values: list[dict[str, Any]], location: str) -> Iterator[Span]:
    """Spans, which a browser may have counted in UTF-16: the text that each carries tells."""
    for value in values:
        start, end = int(value["start"]), int(value["end"])
        if isinstance(source, str) and "text" in value and source[start:end] != value["text"]:
            wide = source.encode("utf-16-le")
            start, end = (len(wide[: 2 * at].decode("utf-16-le", "ignore")) for at in (start, end))
            if source[start:end] != value["text"]:
                raise UserError(
                    f"{location}: found a span from {value['start']} to {value['end']} with the text {value['text']!r}; the row has "
                    f"{source[int(value['start']) : int(value['end'])]!r} there"
                )
        for label in value.get("labels", ()):
            yield start, end, str(label)
