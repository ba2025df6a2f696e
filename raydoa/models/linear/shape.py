"""The size of a linear model, and what follows from it."""

from dataclasses import dataclass

from raydoa.models.model_shape import Device

MODEL_TYPE = "hashed_ngrams"
"""In `config.json`."""

BUCKETS = 2**17
_CLASSES = 2


@dataclass(frozen=True)
class LinearShape:
    """See `ModelShape`: a weight for each bucket and class."""

    outputs: int = _CLASSES
    buckets: int = BUCKETS
    width: int = 1
    family: str = "linear"
    writes: str = "classes"

    @property
    def parameters(self) -> int:
        return (self.buckets + 1) * self.outputs

    @property
    def trained_parameters(self) -> int:
        return self.parameters

    def training_seconds(
        self,
        device: Device,
        rows: int,
        source_length: int,
        target_length: int,
        teacher_head: int = 0,
    ) -> float:
        """See `ModelShape.training_seconds`; the optimiser goes over all weights, 16 bytes each."""
        reading = 16 * self.parameters / device.bytes_per_second
        return max(3 * self._flops(rows, source_length) / device.flops_per_second, reading) + (
            3 * device.seconds_per_layer
        )

    def labelling_seconds(
        self, device: Device, rows: int, source_length: int, target_length: int
    ) -> float:
        return max(
            self._flops(rows, source_length) / device.flops_per_second, device.seconds_per_layer
        )

    def training_bytes(self, gpus: int, *, offload: bool = False) -> float:
        return 16.0 * self.parameters

    def labelling_bytes(self) -> float:
        return 4.0 * self.parameters

    def _flops(self, rows: int, source_length: int) -> int:
        return 2 * rows * source_length * GRAMS_PER_TOKEN * self.outputs


GRAMS_PER_TOKEN = 8
"""N-grams of a source for each token of its length: a word of five letters has itself, a pair and some pieces."""
