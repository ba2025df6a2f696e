"""The entry of encoder-decoders in the families: checkpoints by name or folder, and the embedded nano models."""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raydoa.models.family import AS_IS, Family, Model, Opening
from raydoa.models.model_shape import ModelShape
from raydoa.models.seq2seq.bart_shape import BartShape
from raydoa.models.seq2seq.nano import NANO_MODELS, nano_shape
from raydoa.models.seq2seq.shape import T5Shape, is_t5
from raydoa.models.token_texts import TokenTexts

if TYPE_CHECKING:
    from raydoa.training.batches import Example
    from raydoa.training.recipe import PretrainRecipe


class Seq2Seq(Family):
    """See `Family`."""

    name = "seq2seq"
    own = NANO_MODELS
    pretrains = True

    def takes(self, config: Mapping[str, Any]) -> bool:
        if is_t5(config):  # Without an import of transformers.
            return True
        from raydoa.models.kinds import kind_of

        return kind_of(config) == "seq2seq"

    def shape(self, config: Mapping[str, Any], where: str) -> ModelShape:
        kind = T5Shape if is_t5(config) else BartShape
        return kind.from_config(config, where)

    def own_shape(self, name: str, outputs: int) -> ModelShape:
        return nano_shape(name, outputs)

    def output_space(self, folder: Path) -> str:
        from raydoa.models.seq2seq.pieces import tokenizer_at

        return tokenizer_at(folder).fingerprint

    def token_texts(self, folder: Path) -> TokenTexts:
        from raydoa.models.seq2seq.pieces import tokenizer_at

        return tokenizer_at(folder).token_texts()

    def open(self, folder: Path, how: Opening = AS_IS) -> Model:
        from raydoa.models.seq2seq.bart import load_bart
        from raydoa.models.seq2seq.checkpoint import load_model
        from raydoa.models.seq2seq.model import Seq2SeqModel
        from raydoa.models.seq2seq.pieces import TextPieces, tokenizer_at

        tokenizer = tokenizer_at(folder)
        load = partial(load_bart, tokenizer) if isinstance(tokenizer, TextPieces) else load_model
        return Seq2SeqModel(load(folder, how), tokenizer, how.objective)

    def build(self, shape: ModelShape) -> Model:
        from raydoa.models.seq2seq.bart import build_bart
        from raydoa.models.seq2seq.checkpoint import build_model
        from raydoa.models.seq2seq.model import Seq2SeqModel

        if isinstance(shape, BartShape):
            return Seq2SeqModel(build_bart(shape), None)
        assert isinstance(shape, T5Shape)
        return Seq2SeqModel(build_model(shape, seed=0, dropout=0.0), None)

    def learn_vocabulary(self, text: Iterable[str], size: int, folder: Path) -> dict[str, Any]:
        """See `Family.learn_vocabulary`: sentencepiece."""
        from raydoa.models.seq2seq.tokenizer import train_sentencepiece

        tokenizer = train_sentencepiece(text, size)
        tokenizer.save(folder)
        return {"size": tokenizer.size, "fingerprint": tokenizer.fingerprint}

    def pretraining(
        self,
        name: str,
        vocabulary: Path,
        text: Iterable[str],
        recipe: "PretrainRecipe",
        seed: int,
    ) -> "tuple[Model, list[Example]]":
        """See `Family.pretraining`: span corruption."""
        from raydoa.models.seq2seq.checkpoint import build_model
        from raydoa.models.seq2seq.model import Seq2SeqModel
        from raydoa.models.seq2seq.span_corruption import SENTINELS, corrupted_examples
        from raydoa.models.seq2seq.tokenizer import load_tokenizer

        tokenizer = load_tokenizer(vocabulary)
        shape = nano_shape(name, tokenizer.size + SENTINELS)
        network = build_model(shape, seed, recipe.training.dropout)
        lines = [ids[:-1] for ids in tokenizer.encode(list(text), 10 * recipe.length)]
        examples = corrupted_examples(
            lines,
            count=recipe.steps * recipe.training.batch_size,
            vocabulary=shape.vocabulary,
            length=recipe.length,
            fraction=recipe.corrupted_fraction,
            mean_span=recipe.mean_span,
            continued=recipe.continued_fraction,
            seed=seed,
        )
        return Seq2SeqModel(network, tokenizer), list(examples)
