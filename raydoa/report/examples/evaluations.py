"""What models wrote for the test rows: evaluations, read from the stores that result dirs name."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, cast, get_args

from raydoa.errors import UserError
from raydoa.pipeline.stages import PREDICTIONS_FILE
from raydoa.store.record import DamagedArtifact, Record
from raydoa.store.store import Store
from raydoa.tasks.data import file_of
from raydoa.tasks.metrics.per_row import right_rows
from raydoa.tasks.metrics.statistic import Outputs
from raydoa.tasks.task import CLOSED_METRICS, MetricName

TEST_FILE = file_of("test")


class Unreadable(Exception):
    """Why there is nothing to show, in a line."""


@dataclass(frozen=True)
class Evaluation:
    """What one model wrote.

    Attributes:
        data: key of the rows.
        ids, sources, targets: of the test rows that it was scored on.
        predictions: what it wrote for them.
        metric: that it was scored with.
        classes: of the task; empty where answers are of no class.
    """

    data: str
    ids: tuple[str, ...]
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    predictions: tuple[str, ...]
    metric: MetricName
    classes: tuple[str, ...]

    @cached_property
    def right(self) -> list[bool]:
        """Which rows it has right. Raises `Unreadable`: the metric does not know."""
        outputs = Outputs(self.sources, self.predictions, self.targets, self.classes)
        right = right_rows(self.metric, outputs)
        if right is None:
            raise Unreadable(f"{self.metric} knows no answer that is right")
        return right

    @property
    def closed_classes(self) -> tuple[str, ...]:
        """The classes that an answer is one of; none where it is text."""
        return self.classes if self.metric in CLOSED_METRICS else ()


class Evaluations:
    """Those of some stores, by their keys.

    Args:
        urls: of the stores; an artifact is the same in all that have it.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = tuple(urls)
        self._stores: list[Store] | None = None
        # Several questions are about one plan, and many plans about one task.
        self._evaluation = lru_cache(maxsize=100)(self._read)
        self._test_rows = lru_cache(maxsize=8)(self._read_test_rows)

    def of(self, key: str) -> Evaluation:
        """The evaluation of a key. Raises `Unreadable`: it is not there, or no store can be reached."""
        try:
            return self._evaluation(key)
        except (UserError, DamagedArtifact) as why:
            raise Unreadable(str(why)) from why
        except OSError as error:
            raise Unreadable(f"{', '.join(self._urls)}: cannot be reached ({error})") from error
        except (ValueError, LookupError, TypeError) as error:
            raise Unreadable(f"evaluation {key[:12]} cannot be read ({error})") from error

    def _read(self, key: str) -> Evaluation:
        store, record = self._found(key)
        data, config = str(record.inputs["data"]), record.config
        lines = (store.fetch(key, [PREDICTIONS_FILE]) / PREDICTIONS_FILE).read_text("utf-8")
        written: dict[str, str] = {}
        for line in lines.splitlines():
            row: dict[str, Any] = json.loads(line)
            written[str(row["id"])] = str(row["prediction"])
        rows = self._test_rows(data)
        here = [(name, *rows[name], prediction) for name, prediction in written.items()]
        ids, sources, targets, predictions = zip(*here, strict=True)
        metric, classes = _metric(config["metric"]), config["classes"]
        if not isinstance(classes, list):
            raise ValueError(f"classes {classes!r}")
        return Evaluation(
            data, ids, sources, targets, predictions, metric, tuple(map(str, classes))
        )

    def _read_test_rows(self, key: str) -> dict[str, tuple[str, str]]:
        """Source and target of each, by its id."""
        import pyarrow.parquet as pq

        store, _ = self._found(key)
        columns = pq.read_table(store.fetch(key, [TEST_FILE]) / TEST_FILE).to_pydict()
        values = zip(columns["source"], (t or "" for t in columns["target"]), strict=True)
        return dict(zip(columns["id"], values, strict=True))

    def _found(self, key: str) -> tuple[Store, Record]:
        if not self._urls:
            raise Unreadable(
                "no result dir says where its artifacts lie, since an older raydoa wrote it; --store says it"
            )
        if self._stores is None:
            self._stores = [Store(url) for url in self._urls]
        for store in self._stores:
            if (record := store.find(key)) is not None:
                return store, record
        raise Unreadable(
            f"{', '.join(self._urls)}: no artifact {key[:12]}; the store is elsewhere (--store), or it was removed from it"
        )


def _metric(found: object) -> MetricName:
    if found not in get_args(MetricName):
        raise ValueError(f"metric {found!r}")
    return cast(MetricName, found)
