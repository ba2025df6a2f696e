"""Label sources and families through the local runner, with the example plugin's beside raydoa's own."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from raydoa.costs.items import ITEMS
from raydoa.errors import UserError
from raydoa.labels import SOURCES
from raydoa.labels.teacher import TeacherLabeller
from raydoa.models import FAMILIES
from raydoa.models.lookup import known_shape
from raydoa.pipeline.beginnings import Initial, Initialize, TaskData
from raydoa.pipeline.builder import Builder, NoLocks
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.distill_rows import distill_rows
from raydoa.pipeline.local_runner import LocalRunner
from raydoa.pipeline.opened_models import open_model
from raydoa.pipeline.stages import (
    TEACHER,
    Distill,
    Evaluate,
    FineTune,
    PseudoLabel,
    SourceConfig,
    TextForm,
)
from raydoa.store.store import Store
from raydoa.strategies import STRATEGIES
from raydoa.tasks.data import fingerprint
from raydoa.tasks.own_task import read_task_yaml
from raydoa.tasks.reading.rows import read_rows
from raydoa.tasks.split import pool
from raydoa.tasks.task import TaskSpec
from raydoa.training.recipe import Execution, Recipe, Representation
from raydoa.training.soft_labels import HiddenLabels, WrittenLabels
from tests.plugins import example_plugin
from tests.shards import rows_of
from tests.unit.checkpoints import write_checkpoint
from tests.unit.world import CLASSES, write_task

RULES = SourceConfig("keywords", options=(("NO", "acid base"), ("YES", "salt water heat cool")))
GOLD = SourceConfig("gold")
RECIPE = Recipe(learning_rate=0.05, batch_size=8, epochs=1)


@pytest.fixture(scope="module", autouse=True)
def plugin() -> Iterator[None]:
    """The example plugin, for these tests alone."""
    with pytest.MonkeyPatch.context() as patch:
        for registry in (FAMILIES, SOURCES, ITEMS, STRATEGIES):
            patch.setattr(registry, "_entries", dict(registry._entries))
        if "bag" not in FAMILIES:
            example_plugin.register()
        yield


class Tiny:
    """A task, a store, and stages of a linear student."""

    def __init__(self, folder: Path) -> None:
        self.spec: TaskSpec = read_task_yaml(write_task(folder / "task", target_length=12))
        self.context = ExecutionContext(
            store=Store(str(folder / "store")),
            tasks={"tiny": self.spec},
            data_root=None,
            checkpoints={},
            execution=Execution(),
            train_folder=str(folder / "train"),
        )
        self.builder = Builder(self.context.store, LocalRunner(self.context), NoLocks())
        self.data = TaskData("tiny", fingerprint(read_rows(self.spec, None)))
        self.form = TextForm.of(self.spec)
        self.bag = Initialize("bag", "bag", CLASSES, 0)

    def fine_tune(self, labels: int = 60, steps: int = 60) -> FineTune:
        return FineTune(self.bag, self.data, self.form, labels, RECIPE, steps, 0)

    def shards(
        self, source: SourceConfig, teacher: FineTune | None = None, kind: str = "text"
    ) -> tuple[PseudoLabel, ...]:
        representation = Representation.model_validate({"kind": kind, "dtype": "float32"})
        return tuple(
            PseudoLabel(
                teacher, self.data, self.form, representation, None, start, start + 20, 0, source
            )
            for start in (0, 20)
        )

    def student(
        self, shards: Sequence[PseudoLabel], initial: Initial | None = None, steps: int = 60
    ) -> Distill:
        return Distill(
            initial=initial or self.bag,
            teacher=shards[0].teacher,
            shards=tuple(shards),
            form=self.form,
            recipe=RECIPE,
            steps=steps,
            seed=0,
        )

    def score(self, trained: FineTune | Distill) -> float:
        scores = self.builder.build(
            Evaluate(trained, self.data, self.form, "accuracy", CLASSES, None)
        ).facts
        assert isinstance(scores["score"], float)
        return scores["score"]


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path)


def test_a_linear_student_learns_from_labels(tiny: Tiny) -> None:
    assert tiny.score(tiny.fine_tune()) >= 0.9
    bag = known_shape("bag")
    assert bag is not None and bag.parameters == (4096 + 2) * 16


def test_a_linear_student_learns_from_rules(tiny: Tiny, caplog: pytest.LogCaptureFixture) -> None:
    shards = tiny.shards(RULES)
    assert tiny.score(tiny.student(shards)) >= 0.75
    records = [tiny.context.store.find(shard.key) for shard in shards]
    assert all(record is not None for record in records)
    counts = [(r.facts["rows"], r.facts.get("refused", 0)) for r in records if r is not None]
    assert [rows + refused for rows, refused in counts] == [20, 20]
    told = [f"{refused} rows are left out: it has no keyword" for _, refused in counts if refused]
    assert told and all(line in caplog.text for line in told)
    rows = [row for s in shards for row in rows_of(tiny.context.store.fetch(s.key))]
    for row in rows:
        assert isinstance(row.soft, WrittenLabels) and row.target_ids == ()
        words = set(row.source.split())
        assert row.text == ("NO" if words & {"acid", "base"} else "YES")


def test_a_t5_student_learns_from_rules(tiny: Tiny, tmp_path: Path) -> None:
    from raydoa.models.hub import folder_fingerprint
    from raydoa.pipeline.beginnings import Checkpoint

    folder = write_checkpoint(tmp_path / "t5")
    checkpoint = Checkpoint("t5", folder_fingerprint(folder))
    context = replace(tiny.context, checkpoints={checkpoint.fingerprint: str(folder)})
    student = tiny.student(tiny.shards(RULES), checkpoint, steps=4)
    builder = Builder(context.store, LocalRunner(context), NoLocks())
    losses = builder.build(student).facts["losses"]
    assert isinstance(losses, list) and losses[-1] < losses[0]
    model = open_model(checkpoint, context)
    rows, then = distill_rows(student, context, model)
    assert then == [] and all(isinstance(row.soft, WrittenLabels) for row in rows)
    texts = model.texts([row.target_ids for row in rows], [])
    known = model.target_ids(CLASSES, tiny.form.target_length, CLASSES, tiny.form.source_length)
    assert set(texts) == set(model.texts(known, []))


def test_gold_labels_of_the_pool_are_a_source(tiny: Tiny) -> None:
    tiny.builder.build(tiny.student(tiny.shards(GOLD)))
    truth = {row.id: row.target for row in read_rows(tiny.spec, None).train}
    for shard in tiny.shards(GOLD):
        for row in rows_of(tiny.context.store.fetch(shard.key)):
            assert row.text == truth[row.row_id]


def test_a_linear_teacher_gives_its_distribution_over_classes(tiny: Tiny) -> None:
    teacher = tiny.fine_tune()
    shards = tiny.shards(TEACHER, teacher, "hidden")
    student = tiny.student(shards)
    assert tiny.score(student) >= 0.75
    rows, _ = distill_rows(student, tiny.context, open_model(tiny.bag, tiny.context))
    assert len(rows) == 40 and all(len(row.target_ids) == 1 for row in rows)
    assert all(isinstance(row.soft, HiddenLabels) for row in rows)


def test_what_a_teacher_knows_comes_in_the_order_of_its_rows(tiny: Tiny, tmp_path: Path) -> None:
    """The first rows of a pool are a sample of it, while a model labels the shortest first."""
    from raydoa.models.hub import folder_fingerprint
    from raydoa.pipeline.beginnings import Checkpoint

    folder = write_checkpoint(tmp_path / "t5")
    checkpoint = Checkpoint("t5", folder_fingerprint(folder))
    context = replace(tiny.context, checkpoints={checkpoint.fingerprint: str(folder)})
    teacher = FineTune(checkpoint, tiny.data, tiny.form, 20, RECIPE, 2, 0)
    Builder(context.store, LocalRunner(context), NoLocks()).build(teacher)
    rows = pool(read_rows(tiny.spec, None), 0, 0, 20)
    examples = TeacherLabeller(teacher, context).exact_examples(rows, tiny.form)
    assert [example.row_id for example in examples] == [row.id for row in rows]
    lengths = [len(example.source_ids) for example in examples]
    assert lengths != sorted(lengths)


def test_a_teachers_text_has_no_distribution(tiny: Tiny) -> None:
    student = tiny.student(tiny.shards(TEACHER, tiny.fine_tune(), "text"))
    assert tiny.score(student) >= 0.75


def test_a_student_learns_from_a_teacher_and_from_rules(tiny: Tiny) -> None:
    """Whichever shards come first; the teacher's are checked against the teacher, the rules' are not."""
    teacher = tiny.fine_tune()
    soft = tiny.shards(TEACHER, teacher, "hidden")
    for shards in ((soft[0], tiny.shards(RULES)[1]), (tiny.shards(RULES)[0], soft[1])):
        student = replace(tiny.student(soft), shards=shards)
        assert tiny.score(student) >= 0.75
        rows, _ = distill_rows(student, tiny.context, open_model(tiny.bag, tiny.context))
        assert {type(row.soft) for row in rows} == {HiddenLabels, WrittenLabels}


def test_token_ids_are_made_once_for_a_tokenizer(tiny: Tiny) -> None:
    tiny.builder.build(tiny.student(tiny.shards(GOLD)))
    folder = Path(str(tiny.context.train_folder)) / "token_ids"
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    teacher = tiny.fine_tune()
    tiny.builder.build(tiny.student(tiny.shards(TEACHER, teacher, "hidden")))
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert all(path.suffix == ".safetensors" for path in folder.iterdir()), "nothing is left beside"


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty"])
def test_damaged_token_ids_are_written_again(
    tiny: Tiny, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    student = tiny.student(tiny.shards(GOLD))
    before = tiny.builder.build(student).content
    files = sorted((Path(str(tiny.context.train_folder)) / "token_ids").iterdir())
    whole = [path.read_bytes() for path in files]
    for path, content in zip(files, whole, strict=True):
        flipped = content[:-1] + bytes([content[-1] ^ 1])
        path.write_bytes({"flipped": flipped, "cut": content[:-9], "empty": b""}[damage])
    tiny.context.store.drop(student.key)
    assert tiny.builder.build(student).content == before
    assert caplog.text.count("does not match its checksum; it is written again") == len(files)
    assert [path.read_bytes() for path in files] == whole


def test_where_all_rows_are_refused_the_reason_is_said(tiny: Tiny) -> None:
    nothing = SourceConfig("keywords", options=(("YES", "zebra"),))
    with pytest.raises(UserError, match="keywords: pool rows 0 to 19: every row was refused"):
        tiny.builder.build(tiny.student(tiny.shards(nothing)))


def test_shards_made_before_there_were_sources_keep_their_meaning(tiny: Tiny) -> None:
    shard = tiny.shards(TEACHER, tiny.fine_tune(), "hidden")[0]
    assert "source" not in shard.identity()["config"]
    others = [tiny.shards(source)[0].key for source in (RULES, GOLD)]
    assert len({shard.key, *others}) == 3


def test_quotes_are_in_the_sources_own_unit(tiny: Tiny) -> None:
    quotes = {source.name: source.quote(7, tiny.form) for source in SOURCES}
    assert {name: quote.quantity for name, quote in quotes.items()} == {
        "gold": 7,
        "teacher": 7,
        "llm": 7,
        "keywords": 7,
    }
    assert SOURCES.get("teacher").needs_gpu and not SOURCES.get("keywords").needs_gpu
