"""A task of a study: what is learned, and which rows there are to learn from and to buy labels of."""

from collections.abc import Sequence
from dataclasses import dataclass

from raydoa.costs.question import Sale, Supply
from raydoa.pipeline.beginnings import TaskData
from raydoa.tasks.look.look import Look
from raydoa.tasks.task import TaskSpec


@dataclass(frozen=True)
class TaskSource:
    """A task, resolved.

    Attributes:
        spec: what is learned.
        data: the stage that imports its rows.
        train_rows: how many labelled rows it has; None if they cannot be reached.
        pool_rows: how many rows its pool file has; 0 if the pool is the rest of the labelled rows.
        unlabelled: how many rows of the labelled rows' file have no label, where the pool is no file of its own.
        majority_score: what always giving the most frequent answer scores; None if it cannot be told.
        scorer: fingerprint of the model that its metric needs; None if it needs none or has none.
        look: what its rows are; None if they cannot be reached, or are raydoa's own.
        annotations: of each label that is bought, the mean.
        pool_is_labelled: whether its pool file has a label for every row, as where labels are only hidden.
    """

    spec: TaskSpec
    data: TaskData
    train_rows: int | None
    pool_rows: int
    scorer: str | None = None
    pool_is_labelled: bool = False
    unlabelled: int = 0
    look: Look | None = None
    annotations: float = 1.0
    majority_score: float | None = None

    @property
    def supply(self) -> Supply:
        """The rows that plans can have."""
        people = self.spec.labels == "people"
        sale: Sale = "pool" if people else "in_hand"
        return Supply(self.train_rows, self.pool_rows, self.unlabelled, sale=sale)

    def owned(self, asked: Sequence[int]) -> Sequence[int]:
        """N of its plans: what is asked, but where people label rows all of ``train`` is owned."""
        if self.spec.labels != "people" or self.train_rows is None:
            return asked
        return (self.train_rows,)
