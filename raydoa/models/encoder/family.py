"""The entry of encoders in the families: any checkpoint that transformers has a classifier for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from raydoa.errors import UserError
from raydoa.models.family import AS_IS, Family, Model, Opening
from raydoa.models.model_shape import ModelShape
from raydoa.models.objective import Objective
from raydoa.models.stack_shape import StackShape

_PLACEHOLDER = Objective("classes", ("0", "1"))


class Encoder(Family):
    """See `Family`: classes by a head over the sequence, entities by a head over each of its tokens."""

    name = "encoder"

    def takes(self, config: Mapping[str, Any]) -> bool:
        from raydoa.models.kinds import is_encoder

        return is_encoder(config)

    def objective(self, of_task: Objective | None) -> Objective | None:
        if of_task is None:
            raise UserError(
                "an encoder writes no text: it learns tasks with classes, or with entities"
            )
        return of_task

    def shape(self, config: Mapping[str, Any], where: str) -> ModelShape:
        return StackShape.from_config(config, where, "encoder")

    def output_space(self, folder: Path) -> str:
        """See `Family.output_space`; it writes no text: the fingerprint of the tokens that it tags."""
        from raydoa.models.word_pieces import WordPieces

        return WordPieces(folder).fingerprint

    def open(self, folder: Path, how: Opening = AS_IS) -> Model:
        from raydoa.models.encoder.model import open_encoder

        return open_encoder(folder, how)

    def build(self, shape: ModelShape) -> Model:
        from raydoa.models.encoder.model import EncoderModel, random_encoder

        assert isinstance(shape, StackShape)
        return EncoderModel(random_encoder(shape.config, _PLACEHOLDER), None, _PLACEHOLDER)
