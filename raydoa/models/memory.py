"""Which models fit on the GPUs of a node, to be fine-tuned and to label; each family says what its models need."""

from raydoa.models.family import ModelShape
from raydoa.models.lookup import known_shapes


def needed_memory(shape: ModelShape, gpus: int) -> float:
    """Bytes of each GPU of a node that fine-tunes ``shape`` on all its ``gpus``, and labels with one actor on each."""
    return max(shape.training_bytes(gpus), shape.labelling_bytes())


def largest_teacher(gpus: int, bytes_each: float) -> str | None:
    """The largest model of known size that a node with ``gpus`` GPUs of ``bytes_each`` fine-tunes and labels with."""
    by_size = sorted(known_shapes().items(), key=lambda item: item[1].parameters)
    fitting = [name for name, shape in by_size if needed_memory(shape, gpus) <= bytes_each]
    return fitting[-1] if fitting else None
