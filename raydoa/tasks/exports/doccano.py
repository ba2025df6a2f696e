"""doccano: text classification and sequence labelling, in the forms of its versions."""

from collections.abc import Mapping
from typing import Any

from raydoa.tasks.exports.export import Export, Exported, entities_of, one_label
from raydoa.tasks.task import Columns


class Doccano(Export):
    """A text with a list of labels, of spans, or of entities."""

    name = "doccano"
    own = frozenset({"text", "data", "label", "labels", "entities"})

    def knows(self, values: Mapping[str, Any]) -> bool:
        """See `Export.knows`."""
        if "id" not in values or not {"text", "data"} & values.keys():
            return False
        return "entities" in values or isinstance(values.get("label", values.get("labels")), list)

    def read(self, values: Mapping[str, Any], columns: Columns, location: str) -> Exported:
        """See `Export.read`."""
        source = values.get("text", values.get("data"))
        if "entities" in values:
            spans = [
                (one["start_offset"], one["end_offset"], one["label"]) for one in values["entities"]
            ]
            return Exported(
                source, (entities_of(source, spans, location),) if spans else (), nothing=not spans
            )
        labels = values.get("label", values.get("labels"))
        assert isinstance(labels, list), "as it was known by"
        if labels and isinstance(labels[0], list):
            return Exported(source, (entities_of(source, map(tuple, labels), location),))
        return Exported(
            source, (one_label(labels, location),) if labels else (), nothing=not labels
        )
