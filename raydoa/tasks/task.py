"""What a task is: text to text, where its rows lie, how outputs are scored.

A `TaskSpec` describes; `raydoa.tasks.reading` reads the rows, `raydoa.tasks.metrics` scores. Planning
a sweep imports this module, so it stays free of pandas, pyarrow and torch.

A location of rows is a file of a kind in `KINDS` (text may be compressed), a folder that `datasets` has saved, or a Hugging
Face dataset as ``hf:NAME:SPLIT`` or ``hf:NAME:CONFIG:SPLIT`` (NAME may be a local folder).
"""

import datetime
import os
import re
from pathlib import Path
from typing import Literal, Self, TypeAlias, get_args

from pydantic import Field, field_validator, model_validator

from raydoa.errors import UserError, did_you_mean
from raydoa.settings import Settings

MetricName: TypeAlias = Literal[
    "accuracy", "macro_f1", "entity_f1", "exact_match", "squad_f1", "bert_ibleu"
]
METRIC_NAMES: tuple[MetricName, ...] = get_args(MetricName)

CLOSED_METRICS: frozenset[MetricName] = frozenset({"accuracy", "macro_f1"})
"""Metrics of tasks whose target is one of ``classes``."""

WHAT_LLMS_ARE_TOLD = frozenset({"description", "class_descriptions", "prompt", "system_prompt"})
"""Fields of a task that no row and no model depends on."""

KINDS = (".jsonl", ".csv", ".parquet", ".json", ".ndjson", ".tsv", ".txt", ".xlsx")
"""Of files of rows, by their endings."""
COMPRESSIONS = (".gz", ".bz2", ".xz")
"""Endings behind those of text."""
_BINARY = (".parquet", ".xlsx")

BERTSCORE_VARIABLE = "RAYDOA_BERTSCORE_MODEL"
"""Environment variable: folder of the BERTScore model of tasks that do not name one themselves."""

_HUB = re.compile(
    r"hf:(?P<name>[^:]+)(:(?P<config>[^:\[\]]+))?:(?P<split>[^:\[\]]+(\[[^\[\]]*\])?)"
)


class Columns(Settings):
    """Names of the columns (JSON fields) that hold a row's texts."""

    source: str = Field(default="source", min_length=1)
    target: str = Field(default="target", min_length=1)
    text: str = Field(default="text", min_length=1)
    """Column of the ``text`` location: free text for pretraining."""


class LabelPrice(Settings):
    """Dollars for a label, and where and when that price was read."""

    usd: float = Field(ge=0)
    per: Literal["annotation", "label"] = "annotation"
    """What costs that: what one annotator says of a row, or what all of them agree on."""
    source: str = Field(min_length=1)
    date: datetime.date

    def of_label(self, annotations: float) -> float:
        """Dollars for a label that takes so many annotations in the mean."""
        return self.usd if self.per == "label" else round(self.usd * annotations, 6)


class HubDataset(Settings):
    """A split of a Hugging Face dataset, by hub name or local folder."""

    name: str
    config: str | None
    split: str


class TaskSpec(Settings):
    """A text-to-text task.

    Attributes:
        name: what it is called in flags, columns and folders.
        prefix: put before every source, such as ``"fever: "``.
        metric: what ``score`` is (see `raydoa.tasks.metrics`).
        source_length, target_length: in tokens, the end-of-sequence token included.
        classes: the targets of ``accuracy`` and ``macro_f1`` (first the one that the paper's code
            takes for unparsable output), or the entity types of ``entity_f1``.
        train, test: locations of the labelled rows.
        pool: location of unlabelled rows; None: the rows of ``train`` that are not used as labels.
        labels: who labels the rows that are bought. ``gold``: they are rows of ``train`` beyond the N owned ones, whose
            labels are in hand and hidden until then. ``people``: all of ``train`` is owned, and people label rows of
            ``pool``. None: nobody has said, which is taken as gold where nothing depends on it.
        test_rows_elsewhere: what becomes of rows of ``train`` and ``pool`` whose source is a test row's: ``left_out``, or
            ``kept``, and then a model may have seen what it is tested on.
        text: location of free text for pretraining; None: the sources of train and pool.
        columns: names of the columns in all of them.
        class_of: what the files write for a class where that is not its name, such as ``{"0": "REFUTES"}``.
        label_price: what a label costs, where the price book does not know the task.
        bertscore_model: folder of the model that ``bert_ibleu`` compares meanings with.
        description: what is to be done with a source, in a sentence or two, for who reads it: an LLM or people.
        class_descriptions: what a class (or entity type) means; it need not hold all of them.
        prompt, system_prompt: files with Jinja templates of what an LLM is asked; None: the default (`raydoa.llm.prompt`).
        inferred: lines about fields that its file leaves out and its rows show (`raydoa.tasks.own_task`); no part of the task.
    """

    name: str = Field(pattern=r"^[a-z0-9_-]+$")
    prefix: str
    metric: MetricName
    source_length: int = Field(ge=2)
    target_length: int = Field(ge=2)
    classes: tuple[str, ...] = ()
    train: str | None = None
    test: str | None = None
    pool: str | None = None
    labels: Literal["gold", "people"] | None = None
    test_rows_elsewhere: Literal["left_out", "kept"] = "left_out"
    text: str | None = None
    columns: Columns = Columns()
    class_of: dict[str, str] = Field(default_factory=dict)
    label_price: LabelPrice | None = None
    bertscore_model: str | None = None
    description: str = ""
    class_descriptions: dict[str, str] = Field(default_factory=dict)
    prompt: str | None = None
    system_prompt: str | None = None
    inferred: tuple[str, ...] = Field(default=(), exclude=True)

    @field_validator("metric", mode="before")
    @classmethod
    def _known_metric(cls, name: object) -> object:
        if name not in METRIC_NAMES:
            near = did_you_mean(str(name), list(METRIC_NAMES))
            raise ValueError(f"known metrics are {', '.join(METRIC_NAMES)}{near}")
        return name

    @field_validator("classes", mode="before")
    @classmethod
    def _quoted(cls, classes: object) -> object:
        if isinstance(classes, list | tuple) and any(isinstance(one, bool) for one in classes):
            raise ValueError(
                'unquoted YES, NO, on and off are booleans in YAML: write ["NO", "YES"]'
            )
        return classes

    @field_validator("train", "test", "pool", "text")
    @classmethod
    def _readable(cls, location: str | None) -> str | None:
        if location is None or _HUB.fullmatch(location) or kind_of_file(location) is not None:
            return location
        if location.startswith("hf:"):
            raise ValueError("a Hugging Face dataset is hf:NAME:SPLIT or hf:NAME:CONFIG:SPLIT")
        if not Path(location).suffix or location.endswith("/"):
            return location  # A folder.
        raise ValueError(
            f"rows are read from {', '.join(KINDS)} (text also with {', '.join(COMPRESSIONS)}), from folders that datasets has "
            "saved, or hf:NAME:SPLIT"
        )

    @field_validator("class_of", mode="before")
    @classmethod
    def _written_as_text(cls, class_of: object) -> object:
        # 0: billing is a number in YAML.
        return {str(said): name for said, name in class_of.items()} if isinstance(class_of, dict) else class_of  # fmt: skip

    @model_validator(mode="after")
    def _classes_fit_metric(self) -> Self:
        folded = [one.strip().casefold() for one in self.classes]
        if len(set(folded)) != len(folded) or "" in folded:
            raise ValueError("classes must differ in more than case and blanks, and not be empty")
        if self.metric in CLOSED_METRICS and len(self.classes) < 2:
            raise ValueError(f"metric {self.metric} needs at least two classes")
        return self

    @model_validator(mode="after")
    def _known_classes_are_described(self) -> Self:
        unknown = [name for name in self.class_descriptions if name not in self.classes]
        if unknown:
            raise ValueError(
                f"class_descriptions: {unknown[0]!r} is none of the classes {', '.join(self.classes)}"
                f"{did_you_mean(unknown[0], list(self.classes))}"
            )
        return self

    @model_validator(mode="after")
    def _known_classes_are_written(self) -> Self:
        if self.class_of and self.metric not in CLOSED_METRICS:
            raise ValueError(f"class_of: metric {self.metric} has no classes that rows are of")
        folded = [said.strip().casefold() for said in self.class_of]
        if len(set(folded)) != len(folded):
            raise ValueError(
                "class_of: what stands for classes must differ in more than case and blanks"
            )
        for said, name in self.class_of.items():
            if name not in self.classes:
                near = did_you_mean(name, list(self.classes))
                raise ValueError(
                    f"class_of: {said}: found {name!r}; classes are {', '.join(self.classes)}{near}"
                )
        return self

    @property
    def constant_score(self) -> float:
        """What the best constant answer scores at least: where all classes are as frequent; 0 without classes.

        It is right once in as many rows as there are classes; its F1 is then 2 / (classes + 1), and that of each other
        class 0.
        """
        classes = len(self.classes)
        if self.metric not in CLOSED_METRICS:
            return 0.0
        return 1 / classes if self.metric == "accuracy" else 2 / (classes + 1) / classes

    def scoring_model(self) -> Path | None:
        """Folder of the BERTScore model: the task's own, else the environment's, else None.

        Raises:
            UserError: the folder that is named does not exist.
        """
        if self.metric != "bert_ibleu":
            return None
        named = self.bertscore_model or os.environ.get(BERTSCORE_VARIABLE)
        if named is None:
            return None
        folder = Path(named)
        if not folder.is_dir():
            setting = "bertscore_model" if self.bertscore_model else BERTSCORE_VARIABLE
            raise UserError(
                f"{self.name}: {setting}: no folder {folder}; "
                "give one with a saved encoder and its tokenizer, such as deberta-xlarge-mnli"
            )
        return folder


def kind_of_file(location: str) -> str | None:
    """The ending that says how a file of rows is read, in lower case; None: none does."""
    path = Path(location)
    compressed = path.suffix.lower() in COMPRESSIONS
    kind = Path(path.stem).suffix.lower() if compressed else path.suffix.lower()
    return kind if kind in KINDS and not (compressed and kind in _BINARY) else None


def hub_dataset(location: str) -> HubDataset | None:
    """The parts of an ``hf:`` location; None for the location of a file."""
    match = _HUB.fullmatch(location)
    return None if match is None else HubDataset(**match.groupdict())
