"""The embedded nano family: models that raydoa builds and pretrains itself.

All are T5 v1.1. The student is `nano-s`; `nano-m` and `nano-l` are teachers. They are pretrained on the task's
own text, as a stage like any other.
"""

from raydoa.errors import UserError, did_you_mean
from raydoa.models.seq2seq.shape import T5Shape

_NANO = {
    "nano-s": {"d_model": 32, "d_kv": 16, "d_ff": 64, "heads": 2, "encoder_layers": 1, "decoder_layers": 1},
    "nano-m": {"d_model": 64, "d_kv": 16, "d_ff": 128, "heads": 4, "encoder_layers": 2, "decoder_layers": 1},
    "nano-l": {"d_model": 128, "d_kv": 32, "d_ff": 256, "heads": 4, "encoder_layers": 2, "decoder_layers": 2},
}  # fmt: skip

NANO_MODELS = tuple(_NANO)


def nano_shape(name: str, vocabulary: int) -> T5Shape:
    """The nano model called ``name`` over a vocabulary of that many ids. Raises `UserError`: there is no nano model of that name."""
    if name not in _NANO:
        raise UserError(
            f"model: found {name!r}; nano models are {', '.join(_NANO)}{did_you_mean(name, list(_NANO))}"
        )
    return T5Shape(vocabulary=vocabulary, **_NANO[name])
