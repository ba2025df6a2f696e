"""The entry of decoder-only models in the families: any checkpoint that continues a text."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from raydoa.models.family import AS_IS, Family, Model, Opening
from raydoa.models.model_shape import ModelShape
from raydoa.models.objective import Objective
from raydoa.models.stack_shape import StackShape
from raydoa.models.token_texts import TokenTexts


class Causal(Family):
    """See `Family`: text as the completion of a prompt, classes by the likelihood of their texts."""

    name = "causal"

    def takes(self, config: Mapping[str, Any]) -> bool:
        from raydoa.models.kinds import kind_of

        return kind_of(config) == "causal"

    def objective(self, of_task: Objective | None) -> Objective | None:
        return of_task if of_task is not None and of_task.kind == "classes" else None

    def shape(self, config: Mapping[str, Any], where: str) -> ModelShape:
        from raydoa.models.causal.plain import says_plain

        found = StackShape.from_config(config, where, "causal")
        return found.model_copy(update={"plain_head": says_plain(config)})

    def output_space(self, folder: Path) -> str:
        from raydoa.models.causal.prompt import Prompt
        from raydoa.models.word_pieces import WordPieces

        return Prompt(WordPieces(folder), folder).space

    def token_texts(self, folder: Path) -> TokenTexts:
        from raydoa.models.causal.prompt import Prompt
        from raydoa.models.word_pieces import WordPieces

        return Prompt(WordPieces(folder), folder).token_texts()

    def open(self, folder: Path, how: Opening = AS_IS) -> Model:
        from raydoa.models.causal.model import open_causal

        return open_causal(folder, how)

    def build(self, shape: ModelShape) -> Model:
        from transformers import AutoModelForCausalLM

        from raydoa.models.causal.model import CausalModel
        from raydoa.models.network_files import random_network

        assert isinstance(shape, StackShape)
        return CausalModel(random_network(AutoModelForCausalLM, shape.config), None, None)
