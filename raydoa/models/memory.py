"""How much memory of each GPU a model needs, to be fine-tuned under ZeRO-3.

Bytes, for P parameters on W GPUs, of which T are trained: all of them, or those of a LoRA and a head:

- state: 2 P / W for the weights in bf16, and 14 T / W (gradients in bf16, fp32 master weights and two Adam moments;
  Rajbhandari et al., arXiv 1910.02054, section 3.1). Offloading the optimiser leaves 2 T / W; the other 12 T go to the host.
- gathered layers: 2 bytes for each of DeepSpeed's `stage3_max_live_parameters`, 1e9.
- buckets: 2 bytes for each element of `reduce_bucket_size`, 5e8, for gradients, and `stage3_prefetch_bucket_size`, 5e7.
- the optimiser's step: the fp32 gradients of a `sub_group_size` of 1e9 and AdamW's square root of as many: 8 bytes.
- activations, with checkpointing: the layers' inputs, the inside of the largest layer twice (values and gradients),
  and the logits three times in fp32 (themselves, their softmax, its gradient).

This is arithmetic, for planning: the CUDA context and fragmentation are left out.
For T5-XL on one H100, with 8 rows of 128 tokens, it says 57.4 GB; 54.7 were allocated at the peak, and the process held
68.3 (docs/scale.md).
"""

from dataclasses import dataclass
from typing import Protocol

_LIVE_PARAMETERS = 1e9
_REDUCE_BUCKET, _PREFETCH_BUCKET = 5e8, 5e7
_SUB_GROUP = 1e9


class Trained(Protocol):
    """What must be known of a model's shape."""

    @property
    def parameters(self) -> int:
        """All parameters."""

    @property
    def trained_parameters(self) -> int:
        """Those that have gradients."""

    def activation_bytes(self, source_length: int, target_length: int) -> float:
        """Activations of one row, with checkpointing."""


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes on each GPU at the peak of a fine-tuning."""

    state: float
    gathered: float
    buckets: float
    step: float
    activations: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.state + self.gathered + self.buckets + self.step + self.activations


def training_memory(
    shape: Trained,
    gpus: int,
    *,
    rows: int = 4,
    source_length: int = 128,
    target_length: int = 64,
    offload: bool = False,
) -> TrainingMemory:
    """Memory of each GPU while ``shape`` is fine-tuned on ``gpus`` with ZeRO-3, ``rows`` at a time on each."""
    parameters, trained = shape.parameters, shape.trained_parameters
    return TrainingMemory(
        state=(2 * parameters + (2 if offload else 14) * trained) / gpus,
        gathered=2 * min(_LIVE_PARAMETERS, parameters),
        buckets=2 * (min(_REDUCE_BUCKET, trained) + min(_PREFETCH_BUCKET, parameters)),
        step=0.0 if offload else 8 * min(_SUB_GROUP, trained / gpus),
        activations=rows * shape.activation_bytes(source_length, target_length),
    )
