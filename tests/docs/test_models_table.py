"""The table of models in docs/models.md is what raydoa computes."""

import re
from pathlib import Path

import pytest

from raydoa.models.lookup import known_checkpoints, known_names, known_shape

_DOCS = Path(__file__).parents[2] / "docs" / "models.md"
_ROW = re.compile(
    r"^\| `(?P<name>[^`]+)` \| (?P<rest>(?:seq2seq|encoder|causal) \| .*) \|$", re.MULTILINE
)
_ROWS = {
    row["name"]: row["rest"].split(" | ")
    for row in _ROW.finditer(_DOCS.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize("name", _ROWS)
def test_a_row(name: str) -> None:
    shape, adapted = known_shape(name), known_shape(f"{name}[lora_r=16]")
    assert shape is not None and adapted is not None
    assert _ROWS[name] == [
        shape.family,
        f"{shape.parameters / 1e6:,.0f} M",
        *(f"{shape.training_bytes(gpus) / 1e9:,.1f}" for gpus in (8, 1)),
        f"{adapted.training_bytes(1) / 1e9:,.1f}",
    ]


def test_every_known_checkpoint_has_a_row() -> None:
    for name, shape in known_checkpoints().items():
        plain = name.removesuffix("-Instruct")
        twin = known_shape(plain) if plain in known_names() else shape
        assert (plain if plain in known_names() else name) in _ROWS
        assert twin is not None and twin.parameters == shape.parameters
