"""The LLMs of a sweep: who they are, what they are asked about each task, and what a row costs at most and likely.

Real prompts are counted: those of the rows with the longest sources, which nothing of the pool is dearer than, and a
sample. Shots are drawn from the rows that a seed owns, so prompts of each seed and N are among them.
"""

import heapq
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from raydoa.costs.llm_prices import asked_at, rates_of
from raydoa.costs.llm_rows import Answering, RowCost, likely_answer, row_cost
from raydoa.costs.prices import PriceBook
from raydoa.errors import UserError, did_you_mean
from raydoa.experiment.config import RuntimeConfig, Sweep
from raydoa.experiment.llm_source import LlmSource
from raydoa.experiment.task_source import TaskSource
from raydoa.llm.answer import Message
from raydoa.llm.counting import TokenCounter, counter_of
from raydoa.llm.inquiry import Inquiry
from raydoa.llm.shots import choose_shots
from raydoa.llm.spec import LlmSpec, read_llm_yaml
from raydoa.llm.tokens import TokenRates
from raydoa.tasks.data import Row, TaskRows
from raydoa.tasks.split import in_order, labelled
from raydoa.tasks.task import TaskSpec

KNOWN = Path(__file__).parents[1] / "llm" / "known"
_SAMPLE = 300
_LONGEST = 20
_CHARACTERS_PER_TOKEN = 4
"""Of the row that stands for those that cannot be read from here."""


@dataclass(frozen=True)
class NamedLlm:
    """An LLM, and how a grid names it: by its YAML file or its shipped name."""

    named: str
    spec: LlmSpec


def named_llms(sweep: Sweep, runtime: RuntimeConfig) -> dict[str, NamedLlm]:
    """The LLMs that ``sweep`` names, by their own names, at the URLs where they are reached.

    Raises:
        UserError: one is not known, two have one name, or a URL is of none of them.
    """
    found: dict[str, NamedLlm] = {}
    for name in sweep.grid.llms:
        spec = _spec(name)
        if spec.name in found:
            raise UserError(f"--llms: two are called {spec.name!r}; give one of them another name")
        found[spec.name] = NamedLlm(name, spec)
    for name, url in runtime.llm_urls.items():
        if name not in found:
            known = sorted(found)
            raise UserError(
                f"--llm-url {name}: the sweep asks {', '.join(known) or 'no LLM'}{did_you_mean(name, known)}"
            )
        found[name] = replace(found[name], spec=found[name].spec.at(url))
    return found


def _spec(name: str) -> LlmSpec:
    if name.endswith((".yaml", ".yml")):
        return read_llm_yaml(Path(name))
    known = sorted(path.stem for path in KNOWN.glob("*.yaml"))
    if name not in known:
        raise UserError(
            f"--llms: found {name!r}; it is the YAML file of an LLM, or one of {', '.join(known)}{did_you_mean(name, known)}"
        )
    return read_llm_yaml(KNOWN / f"{name}.yaml")


def find_llms(
    llms: Mapping[str, NamedLlm],
    sweep: Sweep,
    tasks: Mapping[str, TaskSource],
    rows: Mapping[str, TaskRows],
    book: PriceBook,
    missing: list[str],
) -> dict[str, LlmSource]:
    """Price LLMs that some strategy asks, and say what cannot be reached.

    Args:
        llms: the LLMs by name, as in the grid of ``sweep``.
        sweep: says which tasks, shots, seeds and N there are.
        tasks: its tasks.
        rows: theirs, of those that can be reached.
        book: the price book.
        missing: takes a line for each key that is not there.

    Raises:
        UserError: a price is not known, or a task's own prompt is wrong.
    """
    asked: dict[str, list[int]] = {}
    for name, shots in sweep.used_llms:
        asked.setdefault(name, []).append(shots)
    sources = {}
    for name, of_name in asked.items():
        spec = llms[name].spec
        counter = counter_of(spec.tokenizer)
        variable = spec.api_key_variable
        if variable is not None and not os.environ.get(variable):
            missing.append(f"LLM {name}: its key: the environment variable {variable} is not set")
        prompts = {
            (task, count): _Prompts(spec, of_task, rows.get(task), sweep, count, counter)
            for (task, of_task), count in product(tasks.items(), of_name)
        }
        priced = rates_of(spec, book, max(one.longest for one in prompts.values()))
        rates = asked_at(spec, priced)
        costs = {which: one.cost(rates) for which, one in prompts.items()}
        prompts_of = {task: Inquiry.of(spec, t.spec, ()).fingerprint for task, t in tasks.items()}
        sources[name] = LlmSource(llms[name].named, spec, priced, costs, prompts_of)
    return sources


class _Prompts:
    """What an LLM is asked about a task's rows, with so many shots."""

    def __init__(
        self,
        spec: LlmSpec,
        task: TaskSource,
        rows: TaskRows | None,
        sweep: Sweep,
        shots: int,
        counter: TokenCounter,
    ) -> None:
        self._spec, self._task, self._counter = spec, task.spec, counter
        self._inquiries = [Inquiry.of(spec, task.spec, s) for s in _shots(task, rows, sweep, shots)]
        self._sample, self._longest = _rows_to_count(self._inquiries[0], task.spec, rows, counter)
        form = self._inquiries[0].form
        targets = [row.target for row in rows.labelled[:_SAMPLE] if row.target] if rows else []
        most = self._inquiries[0].most_output_tokens
        likely = likely_answer(counter, map(form.written, targets), most)
        self._answering = Answering(most, likely, form.votes)
        self._beside = json.dumps(form.constraint(), ensure_ascii=False)

    def cost(self, rates: TokenRates) -> RowCost:
        """What a row costs."""
        return row_cost(
            self._of(self._sample),
            self._counter,
            self._answering,
            rates,
            self._beside,
            self._of(self._longest),
        )

    @property
    def longest(self) -> int:
        """The most tokens of a prompt."""
        return self.cost(TokenRates.free()).highest.input // self._answering.votes

    def _of(self, rows: Sequence[str]) -> Iterator[Sequence[Message]]:
        for inquiry, source in product(self._inquiries, rows):
            yield inquiry.messages(source)


def _shots(
    task: TaskSource, rows: TaskRows | None, sweep: Sweep, count: int
) -> list[tuple[Row, ...]]:
    """The shots of each seed and N."""
    if count == 0:
        return [()]
    if rows is None:
        row = Row("stands for others", _text_of(task.spec.source_length), _target(task.spec))
        return [(row,) * count]
    owned = [min(n, len(rows.labelled)) for n in task.owned(sweep.grid.n)]
    return list(
        dict.fromkeys(
            choose_shots(labelled(rows, seed, n), task.spec, count, seed).shown
            for seed, n in product(sweep.grid.seeds, owned)
        )
    )


def _rows_to_count(
    inquiry: Inquiry, task: TaskSpec, rows: TaskRows | None, counter: TokenCounter
) -> tuple[list[str], list[str]]:
    """A sample of the sources that there are to label, and the longest as they stand in a prompt."""
    if rows is None:
        return [_text_of(task.source_length)], []
    there = rows.pool or rows.train
    longest = heapq.nlargest(
        _LONGEST,
        # Owned rows as well: it is measured on those.
        dict.fromkeys(row.source for row in (*rows.pool, *rows.train)),
        # What is before the row is the same for all.
        key=lambda source: counter.most(inquiry.messages(source)[-1:]),
    )
    return [row.source for row in in_order(there, "sample")[:_SAMPLE]], longest


def _text_of(tokens: int) -> str:
    return ("word" * tokens)[: _CHARACTERS_PER_TOKEN * tokens]


def _target(task: TaskSpec) -> str:
    return task.classes[0] if task.classes else _text_of(task.target_length)
