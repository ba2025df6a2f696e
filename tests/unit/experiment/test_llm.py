"""LLMs as label sources, from a grid to rows, in this process: against a real HTTP endpoint that a test serves."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from raydoa.account.account import Account
from raydoa.account.state import State
from raydoa.cli import main
from raydoa.costs.plan import Plan
from raydoa.errors import UserError
from raydoa.experiment.real_money import set_ceiling
from raydoa.experiment.resolve import Resolved
from raydoa.experiment.result_row import row_of
from raydoa.labels.llm_pilot import PILOT_FILE
from raydoa.labels.shards import OUTCOMES_FILE
from raydoa.pipeline.distill_rows import distill_rows
from raydoa.pipeline.opened_models import open_for_training
from raydoa.pipeline.stages import Distill
from raydoa.store.record import DamagedArtifact
from raydoa.tasks.catalog import task_rows
from raydoa.tasks.split import paid_pool
from raydoa.training.shards import Shard
from raydoa.training.soft_labels import ClassLabels
from tests.llm.server import Endpoint, serving, status
from tests.unit.llms import PRICE, ROW, llm_yaml, resolved, right, says
from tests.unit.world import (
    CLASSES,
    POOL,
    World,
    forecast_of,
    graph_of,
    measure_all,
    rows,
    write_rows,
    write_task,
)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving(Endpoint(answer=says)) as served:
        yield served


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, write_task(tmp_path / "task"))


def account_of(there: Resolved) -> State:
    return Account(there.context.store, "default").state()


def micro(usd: float) -> int:
    return round(usd * 1e6)


def test_a_student_learns_what_an_llm_wrote(world: World, endpoint: Endpoint) -> None:
    there = resolved(world, llm_yaml(world, endpoint))
    ((cell, row),) = measure_all(there).items()
    assert row.status == "measured" and row.llm_labels == row.u == 40 and row.teacher is None
    assert json.loads(row.choices) == {"llm": "tester", "llm_for": "student", "shots": "4"}
    assert row.output_space == "text" and row.llm_refused == 0 and "a test" in row.llm_prices
    assert (row.llm_input_tokens, row.llm_output_tokens) > (0, 0)
    # To the micro-dollar: the row's cost, the account's, and the bills of the rows.
    bills = [
        pq.read_table(there.context.store.fetch(shard.key) / OUTCOMES_FILE)
        for shard in graph_of(there, cell).shards
    ]
    assert sum(sum(bill["micro_usd"].to_pylist()) for bill in bills) == micro(row.cost_llm_labels)
    assert account_of(there).spent == micro(row.cost_llm_labels) and not account_of(there).open
    assert micro(row.cost_total) + micro(row.unspent) == micro(4.0)
    asked = sum(endpoint.completed.values())
    assert asked == len({text for bill in bills for text in bill["row_id"].to_pylist()})
    assert row_of(row) == row


def test_what_was_answered_is_never_asked_again(world: World, endpoint: Endpoint) -> None:
    llm = llm_yaml(world, endpoint)
    first = measure_all(resolved(world, llm))
    asked, spent = sum(endpoint.completed.values()), account_of(resolved(world, llm)).spent
    assert measure_all(resolved(world, llm)) == first
    # Artifacts are a cache, answers are not: from another one of the same store they are made of these.
    there = resolved(world, llm)
    (cell,) = first
    for shard in graph_of(there, cell).shards:
        there.context.store.drop(shard.key)
    again = resolved(world, llm, seeds=(0,), distill_recipe=there.study.sweep.student_recipe.model_copy(update={"epochs": 2}))  # fmt: skip
    ((_, row),) = measure_all(again).items()
    assert sum(endpoint.completed.values()) == asked and account_of(again).spent == spent
    assert row.cost_llm_labels == first[cell].cost_llm_labels, "in full, whoever asked first"
    assert row.cost_incurred < first[cell].cost_incurred


def test_soft_labels_from_top_logprobs(world: World) -> None:
    def code(content: str) -> str:
        return "AB"[CLASSES.index(right(ROW.findall(content)[-1][1]))]

    with serving(Endpoint(answer=code)) as endpoint:
        llm = llm_yaml(world, endpoint, answers="free", top_logprobs=2)
        ((_, row),) = measure_all(resolved(world, llm, student="linear")).items()
        assert row.output_space == "classes" and row.status == "measured"
        assert {body["top_logprobs"] for body in endpoint.bodies} == {2}


def test_soft_labels_are_learnt_at_the_temperature_of_the_pilot(world: World) -> None:
    """An LLM that is sure of everything, and wrong of what has a `base` and no `acid`: T is above 1, and is part of the student."""

    def sure(content: str) -> str:
        return "AB"["acid" in ROW.findall(content)[-1][1]]

    with serving(Endpoint(answer=sure)) as endpoint:
        llm = llm_yaml(world, endpoint, answers="free", top_logprobs=2)
        changes: dict[str, Any] = {"student": "linear", "n": (40,), "worse_than_chance": True}
        there, without = (resolved(world, llm, **changes, pilot_rows=rows) for rows in (30, 0))
        ((cell, _),) = measure_all(there).items()
        student, raw = graph_of(there, cell).student, graph_of(without, cell).student
        assert isinstance(student, Distill) and isinstance(raw, Distill)
        assert student.pilot is not None and raw.pilot is None and student.key != raw.key
        assert student.shards == raw.shards, "they are kept as they came"
        record = there.context.store.find(student.pilot.key)
        assert record is not None and record.facts["temperature"] > 1
        scale = record.facts["temperature"]
        first, _ = distill_rows(student, there.context, open_for_training(student, there.context))
        taught = {row.row_id: row.soft for row in first}
        folder = there.context.store.fetch(student.shards[0].key)
        whole, learnt = (Shard(folder, t).soft(0) for t in (1.0, scale))
        assert isinstance(whole, ClassLabels) and isinstance(learnt, ClassLabels)
        flat = torch.log_softmax(whole.log_probs / scale, dim=-1)
        assert torch.allclose(learnt.log_probs, flat) and flat.max() < whole.log_probs.max()
        of_training = taught[str(Shard(folder).row_ids[0])]
        assert isinstance(of_training, ClassLabels)
        assert torch.allclose(of_training.log_probs, flat), "and so the student learns them"


@pytest.mark.parametrize(
    ("student", "asked"), [("nano-s", {}), ("linear", {"answers": "free", "top_logprobs": 2})]
)
def test_the_only_row_of_a_shard_may_be_refused(
    world: World, student: str, asked: dict[str, Any]
) -> None:
    refused: list[str] = []

    def code(content: str) -> str:
        row = ROW.findall(content)[-1][1]
        if row in refused:
            return "no idea"
        return "AB"[CLASSES.index(right(row))] if asked else says(content)

    with serving(Endpoint(answer=code)) as endpoint:
        llm = llm_yaml(world, endpoint, **asked)
        there = resolved(world, llm, student=student, u=(21,))
        (cell,) = there.study.cells()
        *_, last = graph_of(there, cell).shards
        assert (last.start, last.stop, last.owned) == (20, 21, 16)
        [row] = paid_pool(
            task_rows(there.context.tasks["tiny"], there.context.data_root), last.seed, 16, 20, 21
        )
        refused.append(row.source)
        ((_, measured),) = measure_all(there).items()
        assert measured.status == "measured" and measured.llm_refused >= 1 / 21
        record = there.context.store.find(last.key)
        assert record is not None and record.facts["rows"] == 0


def test_a_pool_of_its_own_is_asked_once_for_all_seeds(tmp_path: Path, endpoint: Endpoint) -> None:
    world = World(tmp_path, write_task(tmp_path / "task", pool="pool.jsonl"))
    there = resolved(world, llm_yaml(world, endpoint), shots=(0,), seeds=(0, 1), u=(40,))
    first, second = measure_all(there).items()
    shards = [graph_of(there, cell).shards for cell, _ in (first, second)]
    assert [shard.key for shard in shards[0]] == [shard.key for shard in shards[1]]
    assert len(endpoint.completed) == len({row["source"] for row in rows(POOL, 2)} & _asked(endpoint))  # fmt: skip
    assert second[1].cost_llm_labels == first[1].cost_llm_labels > 0
    assert second[1].cost_incurred < first[1].cost_incurred, "incurred once"
    assert max(endpoint.completed.values()) == 1


def _asked(endpoint: Endpoint) -> set[str]:
    return {ROW.findall(content)[-1][1] for content in endpoint.completed}


def test_no_row_that_is_owned_is_asked_about(world: World, endpoint: Endpoint) -> None:
    there = resolved(world, llm_yaml(world, endpoint), n=(80,), u=(20,))
    ((cell, row),) = measure_all(there).items()
    assert row.llm_labels == 20 and sum(shard.owned for shard in graph_of(there, cell).shards) == 80


def test_labels_beside_an_llms(world: World, endpoint: Endpoint) -> None:
    there = resolved(world, llm_yaml(world, endpoint), strategies=("llm_mixed",))
    ((cell, row),) = measure_all(there).items()
    assert row.labels == 4 and row.llm_labels == 40, "half of $4 at $0.50"
    student = graph_of(there, cell).student
    assert student is not None and student.labels == 20


def test_a_teacher_learns_from_an_llm(world: World, endpoint: Endpoint) -> None:
    there = resolved(world, llm_yaml(world, endpoint), strategies=("llm_distill",), llm_rows=(40,), u=(20,))  # fmt: skip
    ((cell, row),) = measure_all(there).items()
    graph = graph_of(there, cell)
    assert graph.teacher is not None and len(graph.teacher.written) == 2 and row.teacher == "nano-m"
    assert row.pseudo_labels == row.u == 20 and row.llm_labels == 40
    steps = -(-(16 + 40) // 8)
    assert row.teacher_steps == steps, "an epoch over owned rows and the LLM's"
    assert row.status == "measured" and row.teacher_score is not None


def test_a_pilot_comes_first_and_stops_what_is_worse_than_chance(world: World) -> None:
    def wrong(content: str) -> str:
        row = ROW.findall(content)[-1][1]
        return json.dumps({"label": next(c for c in CLASSES if c != right(row))})

    with serving(Endpoint(answer=wrong)) as endpoint:
        llm = llm_yaml(world, endpoint)
        there = resolved(world, llm, n=(40,), pilot_rows=30)
        with pytest.raises(
            UserError, match=r"tester on 30 owned rows.*0\.000.*--worse-than-chance"
        ):
            measure_all(there)
        assert sum(endpoint.completed.values()) <= 30, "only owned rows were asked about"
        ((_, row),) = measure_all(resolved(world, llm, n=(40,), pilot_rows=30, worse_than_chance=True)).items()  # fmt: skip
        assert row.llm_score == 0 and row.status == "measured"
        assert micro(row.cost_incurred) > micro(row.cost_llm_labels), (
            "the pilot is incurred, and no part of the plan"
        )
        assert micro(row.cost_llm_labels) < account_of(there).spent


def test_a_damaged_pilot_is_made_again_of_its_answers(world: World, endpoint: Endpoint) -> None:
    there = resolved(world, llm_yaml(world, endpoint), n=(40,), pilot_rows=10)
    ((cell, row),) = measure_all(there).items()
    asked = sum(endpoint.completed.values())
    (pilot,) = graph_of(there, cell).pilots
    store = there.context.store
    file = store.fetch(pilot.key) / PILOT_FILE
    whole = file.read_bytes()
    file.write_bytes(whole[:-3])
    with pytest.raises(DamagedArtifact):
        store.fetch(pilot.key)
    store.drop(pilot.key)
    assert measure_all(there)[cell].llm_score == row.llm_score == 1
    assert (store.fetch(pilot.key) / PILOT_FILE).read_bytes() == whole
    assert sum(endpoint.completed.values()) == asked


def test_rubbish_fails_with_its_reasons(world: World) -> None:
    with serving(Endpoint(answer=lambda _: '{"label": "maybe"}')) as endpoint:
        llm = llm_yaml(world, endpoint)
        with pytest.raises(
            UserError, match=r"100% of the answers cannot be used.*20 off the list: .*maybe"
        ):
            measure_all(resolved(world, llm))
        paid = account_of(resolved(world, llm)).spent
        assert paid > 0
        with pytest.raises(UserError, match="cannot be used"):
            measure_all(resolved(world, llm))
        assert account_of(resolved(world, llm)).spent == paid, (
            "its answers are kept, and not asked again"
        )


def test_an_account_that_has_not_enough_asks_nothing(world: World, endpoint: Endpoint) -> None:
    there = world.resolved(
        world.sweep(strategies=("llm_annotate",), budgets=(4.0,), n=(16,), u=(40,), llms=(llm_yaml(world, endpoint),), pilot_rows=0)
    )  # fmt: skip
    Account(there.context.store, "default").first_limit(10)
    with pytest.raises(UserError, match=r"account default: .* for tester, pool rows 0 to 19"):
        measure_all(there)
    assert not endpoint.received and account_of(there).spent == 0


def test_real_money_wants_a_limit(world: World, endpoint: Endpoint) -> None:
    there = world.resolved(
        world.sweep(strategies=("llm_annotate",), budgets=(4.0,), n=(16,), u=(40,), llms=(llm_yaml(world, endpoint),))
    )  # fmt: skip
    most = forecast_of(there).real_micro_usd
    assert most > 0
    store = there.context.store
    with pytest.raises(UserError, match=r"--limit: missing; tester takes real money"):
        set_ceiling(there.study, world.runtime(), store, most)
    set_ceiling(there.study, world.runtime(limit=0.5), store, most)
    set_ceiling(there.study, world.runtime(), store, most)
    with pytest.raises(
        UserError, match=r"--limit: found \$0\.60; account default has a ceiling of \$0\.50"
    ):
        set_ceiling(there.study, world.runtime(limit=0.6), store, most)
    free = {**PRICE, "input_usd": 0, "cached_input_usd": 0, "output_usd": 0}
    priced = resolved(world, llm_yaml(world, endpoint, price=free))
    set_ceiling(priced.study, world.runtime(), store, 0)
    ((_, row),) = measure_all(priced).items()
    assert row.cost_llm_labels == 0 and account_of(priced).spent == 0


def test_plans_hold_at_their_highest_cost(world: World, endpoint: Endpoint) -> None:
    there = resolved(world, llm_yaml(world, endpoint), budgets=(0.0001, 4.0))
    poor, rich = (there.study.plan(cell) for cell in there.study.cells())
    assert not isinstance(poor, Plan) and "LLM's labels" in poor.reason
    assert isinstance(rich, Plan)
    line = there.study.ledger(rich).line("llm_labels")
    row = there.study.llms["tester"].rows["tiny", 4]
    assert line is not None and line.cost_micro_usd == 40 * row.highest_micro_usd
    assert row.likely_usd * 1e6 < row.highest_micro_usd


def test_rows_of_two_pools_are_reckoned_once(world: World, endpoint: Endpoint) -> None:
    llm = llm_yaml(world, endpoint)
    small, large, both = (
        forecast_of(resolved(world, llm, u=u)).real_micro_usd for u in ((10,), (40,), (10, 40))
    )
    assert 4 * small == large == both > 0


def test_of_rows_with_one_source_one_pays(tmp_path: Path, endpoint: Endpoint) -> None:
    world = World(tmp_path, write_task(tmp_path / "task"))
    write_rows(tmp_path / "task" / "train.jsonl", [*rows(60), *rows(40)])
    there = resolved(world, llm_yaml(world, endpoint), u=(80,), shard_rows=80, shots=(0,))
    ((_, row),) = measure_all(there).items()
    assert len(endpoint.completed) < 80 == row.llm_labels
    assert micro(row.cost_llm_labels) == account_of(there).spent, "to the micro-dollar"


def test_an_owned_row_may_be_the_longest(tmp_path: Path, endpoint: Endpoint) -> None:
    world = World(tmp_path, write_task(tmp_path / "task", pool="pool.jsonl"))
    longest = {"source": "acid " * 400, "target": right("acid")}
    write_rows(tmp_path / "task" / "train.jsonl", [longest] * 3 + rows(10))
    there = resolved(world, llm_yaml(world, endpoint), n=(13,), u=(20,), shots=(0,), pilot_rows=13)
    assert measure_all(there)


def test_a_key_that_is_not_there_is_told_before_anything(
    world: World, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TESTERS_KEY", raising=False)
    there = resolved(world, llm_yaml(world, endpoint, api_key_variable="TESTERS_KEY"))
    with pytest.raises(UserError, match="environment variable TESTERS_KEY is not set"):
        there.study.check_reachable()


def test_a_row_that_fails_costs_no_other_row(world: World, endpoint: Endpoint) -> None:
    endpoint.faults["*"].extend([status(400, "no such thing")] * 2)
    llm = llm_yaml(world, endpoint, limits={"retries": 0, "in_flight": 1})
    ((_, row),) = measure_all(resolved(world, llm)).items()
    assert row.status == "measured" and row.llm_refused == pytest.approx(2 / 40)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"llms": ()}, r"--llms: llm_annotate needs values of llm; none are given"),
        ({"llms": ("gpt-nothing",)}, r"--llms: found 'gpt-nothing'; it is the YAML file of an LLM, or one of gpt3-davinci"),
        ({"llms": ("absent.yaml",)}, r"absent\.yaml"),
    ],
)  # fmt: skip
def test_mistakes(world: World, changes: dict[str, Any], problem: str) -> None:
    sweep = world.sweep(strategies=("llm_annotate",), **changes)
    with pytest.raises(UserError, match=problem):
        world.resolved(sweep).study.cells()


def test_a_pilot_alone(
    world: World, endpoint: Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    task = write_task(world.folder / "task")
    write_rows(world.folder / "task" / "train.jsonl", rows(100, 3))
    command = [
        "llm", "pilot", "--config", "nano", "--task", str(task), "--n", "40", "--llm", llm_yaml(world, endpoint), "--shots", "4",
        "--seed", "0", "--store", str(world.folder / "store"), "--limit", "0.10",
    ]  # fmt: skip
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "tester on 36 owned rows of tiny, 4 shots beside" in out and "accuracy 1.000" in out
    assert sum(endpoint.completed.values()) == 36
    assert main(command) == 0 and sum(endpoint.completed.values()) == 36
    assert capsys.readouterr().out == out


def test_a_plan_reads_the_pilot(
    world: World, endpoint: Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    of = [
        "--config", "nano", "--task", str(write_task(world.folder / "task")), "--n", "40", "--llm", llm_yaml(world, endpoint),
        "--shots", "4", "--seed", "0", "--store", str(world.folder / "store"),
    ]  # fmt: skip
    assert main(["plan", *of, "--budget", "5"]) == 0
    assert "tester with 4 shots was not measured on these owned rows" in capsys.readouterr().out
    assert main(["llm", "pilot", *of, "--limit", "0.10"]) == 0
    assert main(["plan", *of, "--budget", "5"]) == 0
    assert "tester with 4 shots scores 100" in capsys.readouterr().out
