"""Exports of annotation tools: a file a tool, which knows its records and reads source and labels from them.

record --recognised by its keys--> tool --> what each annotator said of a text, or why the record says nothing
"""

from collections.abc import Mapping, Sequence
from typing import Any

from raydoa.tasks.exports.argilla import Argilla
from raydoa.tasks.exports.doccano import Doccano
from raydoa.tasks.exports.export import Export
from raydoa.tasks.exports.label_studio import LabelStudio, LabelStudioMin
from raydoa.tasks.exports.prodigy import Prodigy

EXPORTS: Sequence[Export] = (LabelStudio(), LabelStudioMin(), Argilla(), Prodigy(), Doccano())


def export_of(values: Mapping[str, Any]) -> Export | None:
    """The tool that a record is from; None: it is a plain row."""
    return next((export for export in EXPORTS if export.knows(values)), None)
