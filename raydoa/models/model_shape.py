"""The size of a model and what follows from it, before anything is downloaded or opened. Imports no torch."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Device:
    """What the speed of a GPU is estimated from.

    Attributes:
        flops_per_second: operations that training reaches.
        bytes_per_second: that reading weights at each generated token reaches.
        seconds_per_layer: the least time of a layer's forward pass: launching its kernels.
    """

    flops_per_second: float
    bytes_per_second: float
    seconds_per_layer: float


class ModelShape(Protocol):
    """The size of a model and what follows from it, known without opening it. Hashable, and cheap to pickle."""

    @property
    def family(self) -> str:
        """The name of its family."""

    @property
    def parameters(self) -> int:
        """All parameters."""

    @property
    def trained_parameters(self) -> int:
        """Those that a training changes: fewer, where it trains a LoRA."""

    @property
    def outputs(self) -> int:
        """Size of its output space: ids of its vocabulary, or classes."""

    @property
    def width(self) -> int:
        """Numbers of a state that its output head is applied to."""

    @property
    def writes(self) -> str:
        """What an output is: `tokens`, `classes` where there is a head for them, or `text`.

        Text: of tokens whose distributions cannot be exchanged, since logits are not `Model.head` times a state.
        """

    def training_seconds(
        self,
        device: Device,
        rows: int,
        source_length: int,
        target_length: int,
        teacher_head: int = 0,
    ) -> float:
        """Seconds of one optimiser step over ``rows``, all on one GPU.

        ``teacher_head`` is how many weights of the teacher's head stored states are multiplied with; 0 on gold labels.
        """

    def labelling_seconds(
        self, device: Device, rows: int, source_length: int, target_length: int
    ) -> float:
        """Seconds in which one GPU writes the targets of ``rows`` together."""

    def training_bytes(self, gpus: int, *, offload: bool = False) -> float:
        """Memory of each of ``gpus`` at the peak of a fine-tuning that is sharded over them, perhaps with its optimiser on the host."""

    def labelling_bytes(self) -> float:
        """GPU memory of the weights that a labelling actor holds."""
