"""A plugin in one file: a strategy, a cost item, a model family and a label source that raydoa does not have.

`rules` buys rules from an expert, who is paid by the row that they label; the student learns from those rows.
`bag` is a linear classifier over hashed word and character n-grams (as in fastText, arXiv 1607.01759): the mean of its
n-grams' vectors, times a matrix of the task's classes. `keywords` labels a row with the class whose keyword it contains.
"""

import json
import zlib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from raydoa.costs.items import ITEMS
from raydoa.costs.items.item import CostItem, gold_rows
from raydoa.costs.plan import Infeasible, Plan
from raydoa.costs.pricing import Pricing
from raydoa.costs.question import Question
from raydoa.costs.reasons import unaffordable
from raydoa.costs.stage_graph import StageGraph
from raydoa.costs.tariffs import Tariff, micro_budget
from raydoa.errors import UserError
from raydoa.labels import SOURCES
from raydoa.labels.source import (
    Collected,
    Labeller,
    LabelSource,
    Quote,
    RowOutcome,
    Ticket,
    text_facts,
    written,
)
from raydoa.models import FAMILIES
from raydoa.models.family import AS_IS, Family, Model, Opening
from raydoa.models.model_shape import Device, ModelShape
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.stages import PseudoLabel, SourceConfig, TextForm
from raydoa.strategies import STRATEGIES
from raydoa.strategies.ladders import Ladders
from raydoa.strategies.strategy import Axes, Strategy, check_question
from raydoa.tasks.data import Row, TaskRows
from raydoa.training.recipe import Representation

if TYPE_CHECKING:
    import torch

    from raydoa.training.batches import Example
    from raydoa.training.distill import Loss
    from raydoa.training.soft_labels import Generated

BUCKETS, WIDTH = 4096, 16
USD_PER_ROW = 0.01
RULES = SourceConfig(
    "keywords",
    options=(("YES", "acid base"), ("NO", "salt water flask tube heat cool mix spin wash dry")),
)


def register() -> None:
    """Add what this file brings; an entry point of the group `raydoa.plugins` would name it."""
    FAMILIES.register(Bag())
    SOURCES.register(Keywords())
    ITEMS.register(RuleLabels(), before="student")
    STRATEGIES.register(Rules())


@dataclass(frozen=True)
class BagShape:
    """See `ModelShape`."""

    outputs: int
    buckets: int = BUCKETS
    width: int = WIDTH
    family: str = "bag"
    writes: str = "classes"

    @property
    def parameters(self) -> int:
        return (self.buckets + self.outputs) * self.width

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
        return max(3 * self._seconds(device, rows, source_length), 3 * device.seconds_per_layer)

    def labelling_seconds(
        self, device: Device, rows: int, source_length: int, target_length: int
    ) -> float:
        return max(self._seconds(device, rows, source_length), device.seconds_per_layer)

    def training_bytes(self, gpus: int, *, offload: bool = False) -> float:
        return 16.0 * self.parameters

    def labelling_bytes(self) -> float:
        return 4.0 * self.parameters

    def _seconds(self, device: Device, rows: int, source_length: int) -> float:
        return 2 * rows * (source_length + self.outputs) * self.width / device.flops_per_second


class Bag(Family):
    """See `Family`."""

    name = "bag"
    own = ("bag",)
    shapes: ClassVar = {"bag": BagShape(outputs=2)}

    def takes(self, config: Mapping[str, Any]) -> bool:
        return config.get("model_type") == "bag_of_ngrams"

    def shape(self, config: Mapping[str, Any], where: str) -> ModelShape:
        return BagShape(len(config["classes"]))

    def own_shape(self, name: str, outputs: int) -> ModelShape:
        return BagShape(outputs)

    def output_space(self, folder: Path) -> str:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return f"classes {config['classes']}"

    def open(self, folder: Path, how: Opening = AS_IS) -> Model:
        from safetensors.torch import load_file

        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        model = BagModel(config["classes"])
        model.network.load_state_dict(load_file(folder / "model.safetensors"))
        return model

    def build(self, shape: ModelShape) -> Model:
        return BagModel([str(index) for index in range(shape.outputs)])

    def initialize(self, name: str, classes: Sequence[str], seed: int) -> Model:
        import torch

        if not classes:
            raise UserError(f"model {name}: the task has no classes, and a linear model writes one")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return BagModel(classes)


class BagModel(Model):
    """See `Model`: a target is one id, its class."""

    def __init__(self, classes: Sequence[str]) -> None:
        import torch

        self._classes = list(classes)
        self._head = torch.nn.Linear(WIDTH, len(classes), bias=False)
        ngrams = torch.nn.Embedding(BUCKETS, WIDTH)
        self.network = torch.nn.ModuleDict({"ngrams": ngrams, "head": self._head})

    @property
    def input_space(self) -> str:
        return f"hashed n-grams in {BUCKETS} buckets"

    @property
    def output_space(self) -> str:
        return f"classes {self._classes}"

    @property
    def head(self) -> "torch.Tensor":
        return self._head.weight.detach()

    def source_ids(self, texts: Sequence[str], length: int) -> list[list[int]]:
        return [[_bucket(gram) for gram in _ngrams(text)][:length] or [1] for text in texts]

    @property
    def outputs(self) -> int:
        return len(self._classes)

    def target_ids(
        self, texts: Sequence[str], length: int, sources: Sequence[str], source_length: int
    ) -> list[list[int]]:
        unknown = set(texts) - set(self._classes)
        if unknown:
            raise UserError(f"target {min(unknown)!r} is no class; known are {self._classes}")
        return [[self._classes.index(text)] for text in texts]

    def texts(self, targets: Sequence[Sequence[int]], sources: Sequence[str]) -> list[str]:
        return [self._classes[ids[0]] for ids in targets]

    def loss(self, **options: Any) -> "Loss":
        import torch

        from raydoa.training.distill import TokenLoss

        head = self._head

        class BagLoss(TokenLoss):
            @property
            def output_layer(self) -> torch.nn.Linear:
                return head

            def states(self, batch: Any) -> torch.Tensor:
                return _states(self.model, batch)

        return BagLoss(self.network, **options)

    def generate(
        self, sources: "Sequence[Example]", *, most_tokens: int, batch_size: int
    ) -> "Iterator[Generated]":
        import torch

        from raydoa.training.batches import Example, collate
        from raydoa.training.soft_labels import Generated

        for start in range(0, len(sources), batch_size):
            rows = sources[start : start + batch_size]
            batch = collate([Example(row.row_id, row.source_ids, (0,)) for row in rows])
            with torch.no_grad():
                states = _states(self.network, batch.to(self.head.device))
                classes = (states[:, 0] @ self.head.T).argmax(-1).tolist()
            for row, one, state in zip(rows, classes, states, strict=True):
                yield Generated(row.row_id, (one,), state.cpu().clone())

    def random_examples(self, rows: int, source_length: int, target_length: int) -> "list[Example]":
        from raydoa.training.batches import Example

        ids = [1 + index % (BUCKETS - 1) for index in range(source_length)]
        return [Example(str(row), ids, [0]) for row in range(rows)]

    def save(self, folder: Path, state: "Mapping[str, torch.Tensor] | None" = None) -> None:
        from safetensors.torch import save_file

        from raydoa.models.head import save_head

        weights = {
            name: tensor.cpu() for name, tensor in (state or self.network.state_dict()).items()
        }
        save_file(weights, folder / "model.safetensors")
        save_head(weights["head.weight"], folder)
        config = {"model_type": "bag_of_ngrams", "classes": self._classes}
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def _states(network: Any, batch: Any) -> "torch.Tensor":
    """The mean of each row's n-gram vectors ``[rows, 1, width]``."""
    mask = batch.source_mask[:, :, None].float()
    vectors = network["ngrams"](batch.source) * mask
    mean: torch.Tensor = vectors.sum(1, keepdim=True) / mask.sum(1, keepdim=True)
    return mean


def _ngrams(text: str) -> Iterator[str]:
    words = text.lower().split()
    yield from words
    yield from (" ".join(pair) for pair in pairwise(words))
    yield from (f"#{word[i : i + 4]}" for word in words for i in range(len(word) - 3))


def _bucket(gram: str) -> int:
    """Bucket 0 is padding."""
    return 1 + zlib.crc32(gram.encode()) % (BUCKETS - 1)


class Keywords(LabelSource):
    """Rules as a label source: ``options`` are (class, its keywords); a row with none of them is refused."""

    name = "keywords"

    def quote(self, rows: int, form: TextForm) -> Quote:
        return Quote("row", rows)

    def open(self, shard: PseudoLabel, rows: TaskRows, context: ExecutionContext) -> Labeller:
        return _Rules({name: words.split() for name, words in shard.source.options})


class _Rules(Labeller):
    def __init__(self, rules: Mapping[str, Sequence[str]]) -> None:
        self._rules = rules

    def ask(self, shard: PseudoLabel, rows: Sequence[Row]) -> Ticket:
        return Ticket(shard, tuple(rows))

    def collect(self, ticket: Ticket) -> Collected:
        classes = {row.id: self._class(row.source) for row in ticket.rows}
        rows = [written(row, name) for row in ticket.rows if (name := classes[row.id]) is not None]
        outcomes = tuple(
            RowOutcome(row_id, "labelled")
            if name
            else RowOutcome(row_id, "refused", "it has no keyword")
            for row_id, name in classes.items()
        )
        return Collected(tuple(rows), text_facts(ticket.shard), outcomes)

    def _class(self, source: str) -> str | None:
        words = source.split()
        return next(
            (name for name, keys in self._rules.items() if any(key in words for key in keys)), None
        )


class RuleLabels(CostItem):
    """Pool rows that rules label; the expert who writes them is paid by the row."""

    name = "rule_labels"
    title = "rule labels"
    unit = "row"
    priced_by = "rule_labels"
    brings = "pool"

    def tariff(self, pricing: Pricing, choices: Mapping[str, str]) -> Tariff:
        return Tariff(self.name, self.unit, None, USD_PER_ROW)

    def limits(self, question: Question, plan: Plan) -> tuple[int, int]:
        if plan.choice("source") is None:
            return 0, 0
        return 1, question.supply.pool(gold_rows(plan))

    def shared_as(self, plan: Plan) -> tuple[Hashable, int, int]:
        return ("rule_labels", plan.task, plan.seed), 0, plan.quantity(self.name)

    def add_stages(self, graph: StageGraph, quantity: int) -> None:
        shards = graph.pseudo_label(quantity, RULES, Representation(kind="text"))
        graph.paid[self.name] = shards
        graph.shards += shards


class Rules(Strategy):
    """Rules label part of the pool, and the rest of the budget trains the student on it."""

    name = "rules"
    colour = "#8E44AD"
    marker = "P"

    def axes(self, grid: Axes, student: str) -> Mapping[str, Sequence[Any]]:
        return {"rule_rows": grid.choices.get("rule_rows", ())}

    def plan(self, question: Question, budget_usd: float) -> Plan | Infeasible:
        check_question(question, budget_usd)
        plan = question.plan({"source": RULES.name}, rule_labels=question.axes["rule_rows"])
        least, full = question.limits("student", plan)
        left = micro_budget(budget_usd) - question.cost_micro_usd(plan)
        steps = min(full, question.tariff("student", plan.choices).affordable(left))
        if steps < least:
            cheapest = plan.with_quantities(student=least)
            return unaffordable(question.ledger(cheapest), micro_budget(budget_usd))
        return plan.with_quantities(student=steps)

    def proposals(self, ladders: Ladders) -> Iterator[Plan]:
        for rows in ladders.pools:
            plan = ladders.question.plan({"source": RULES.name}, rule_labels=rows)
            for steps in ladders.steps(plan):
                if ladders.affordable(longer := plan.with_quantities(student=steps)):
                    yield longer

    def order(self, row: Mapping[Any, Any]) -> str:
        return f"buy rules for {int(row['quantity_rule_labels']):,} rows"

    def noun(self, row: Mapping[Any, Any]) -> str:
        return f"rules for {int(row['quantity_rule_labels']):,} rows"

    def bought(self, row: Mapping[Any, Any]) -> str:
        return f"{int(row['quantity_rule_labels']):,} rows by rules"
