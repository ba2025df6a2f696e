"""Prodigy: text classification by choice or yes and no, and spans."""

from collections.abc import Mapping
from typing import Any

from raydoa.tasks.exports.export import Export, Exported, entities_of, of_labels
from raydoa.tasks.task import Columns

_ANSWERS = ("accept", "reject", "ignore")


class Prodigy(Export):
    """A text with an answer; only what was accepted is a row, since a rejected label does not say which one is right."""

    name = "Prodigy"
    own = frozenset({"text", "label", "accept", "spans"})

    def knows(self, values: Mapping[str, Any]) -> bool:
        """See `Export.knows`."""
        return "text" in values and values.get("answer") in _ANSWERS

    def key(self, values: Mapping[str, Any]) -> object:
        """The text's hash: each session has records of its own."""
        return values.get("_input_hash")

    def read(self, values: Mapping[str, Any], columns: Columns, location: str) -> Exported:
        """See `Export.read`."""
        source, answer = values["text"], values["answer"]
        if answer != "accept":
            return Exported(source, left_out=f"answer {answer!r}")
        if "accept" in values:
            accepted = values["accept"]
            return Exported(source, (of_labels(accepted),) if accepted else ())
        if values.get("spans"):
            spans = [(one["start"], one["end"], one["label"]) for one in values["spans"]]
            return Exported(source, (entities_of(source, spans, location),))
        label = values.get("label")
        return Exported(source, (str(label),) if label else (), nothing=not label)
