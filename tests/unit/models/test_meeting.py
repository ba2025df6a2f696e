"""Over what a student and a teacher meet, and who cannot learn a task."""

import pytest

from raydoa.errors import UserError
from raydoa.models.meeting import Meeting, OutputSpace, Speaker, meeting
from raydoa.models.objective import Objective
from raydoa.training.recipe import Kind, Representation

CLASSES = Objective("classes", ("YES", "NO"))
ENTITIES = Objective("entities", ("Action", "Reagent"))
T5, SAME_T5 = Speaker("t5", "seq2seq", "a", 96), Speaker("same", "seq2seq", "a", 96)
OTHER_T5, PADDED_T5 = Speaker("other", "seq2seq", "b", 96), Speaker("padded", "seq2seq", "a", 128)
FAR, FAR_OTHER = Speaker("far", "seq2seq", None, 96), Speaker("far-other", "seq2seq", None, 512)
BERT, SAME_BERT = (
    Speaker("bert", "encoder", "c", 2, "classes"),
    Speaker("b", "encoder", "c", 2, "classes"),
)
OTHER_BERT = Speaker("other-bert", "encoder", "d", 2, "classes")
QWEN, SAME_QWEN = Speaker("qwen", "causal", "e", 99), Speaker("q", "causal", "e", 99)
GEMMA, SAME_GEMMA = (
    Speaker("gemma", "causal", "f", 99, "text"),
    Speaker("g", "causal", "f", 99, "text"),
)
LINEAR = Speaker("linear", "linear", "linear here", 0, "classes")


def met(
    teacher: Speaker, student: Speaker, of_task: Objective | None, kind: Kind = "hidden"
) -> Meeting:
    return meeting(teacher, student, of_task, "task", Representation(kind=kind))


@pytest.mark.parametrize(
    ("teacher", "student", "of_task", "space"),
    [
        (T5, SAME_T5, CLASSES, "tokens"),
        (T5, OTHER_T5, CLASSES, "classes"),
        (T5, PADDED_T5, CLASSES, "classes"),
        (T5, OTHER_T5, None, "text"),
        (T5, SAME_T5, ENTITIES, "tokens"),
        (FAR, T5, None, "tokens"),  # as is usual in a family, until it is reached
        (FAR, FAR, CLASSES, "tokens"),
        (FAR_OTHER, T5, None, "text"),
        (FAR, QWEN, None, "text"),
        (BERT, OTHER_BERT, CLASSES, "classes"),
        (BERT, LINEAR, CLASSES, "classes"),
        (LINEAR, T5, CLASSES, "classes"),
        (BERT, SAME_BERT, ENTITIES, "classes"),
        (BERT, OTHER_BERT, ENTITIES, "text"),
        (T5, BERT, ENTITIES, "text"),
        (QWEN, SAME_QWEN, None, "tokens"),
        (QWEN, SAME_QWEN, ENTITIES, "tokens"),
        (QWEN, SAME_QWEN, CLASSES, "classes"),
        (QWEN, T5, None, "text"),
        (GEMMA, SAME_GEMMA, None, "text"),
        (GEMMA, SAME_GEMMA, CLASSES, "classes"),
    ],
)
def test_they_meet(
    teacher: Speaker, student: Speaker, of_task: Objective | None, space: OutputSpace
) -> None:
    found = met(teacher, student, of_task)
    assert found.output_space == space
    assert found.objective == (of_task if space == "classes" else None)


@pytest.mark.parametrize(
    ("kind", "of_task", "kept"),
    [
        ("sparse", CLASSES, "sparse"),
        ("text", CLASSES, "text"),
        ("classes", CLASSES, "classes"),
        ("classes", None, "hidden"),
        ("aligned", None, "hidden"),
        ("aligned", CLASSES, "hidden"),
    ],
)
def test_what_is_asked_for_is_kept_where_it_can_be(
    kind: Kind, of_task: Objective | None, kept: Kind
) -> None:
    assert met(T5, SAME_T5, of_task, kind).representation.kind == kept


@pytest.mark.parametrize(
    ("teacher", "student", "of_task", "space"),
    [
        (T5, OTHER_T5, None, "aligned"),
        (QWEN, T5, None, "aligned"),
        (T5, QWEN, ENTITIES, "aligned"),
        (FAR, QWEN, None, "aligned"),
        (T5, PADDED_T5, None, "aligned"),
        (QWEN, SAME_QWEN, None, "tokens"),
        (QWEN, T5, CLASSES, "classes"),
        (BERT, LINEAR, CLASSES, "classes"),
        (BERT, SAME_BERT, ENTITIES, "classes"),
        (T5, BERT, ENTITIES, "text"),
        (QWEN, GEMMA, None, "text"),
        (GEMMA, T5, None, "text"),
    ],
)
def test_tokens_are_aligned_where_that_is_asked_for_and_can_be(
    teacher: Speaker, student: Speaker, of_task: Objective | None, space: OutputSpace
) -> None:
    found = met(teacher, student, of_task, "aligned")
    assert found.output_space == space
    assert found.objective == (of_task if space == "classes" else None)


@pytest.mark.parametrize(
    ("teacher", "student", "of_task", "message"),
    [
        (BERT, T5, None, "^model bert, task task: an encoder writes no text"),
        (T5, BERT, None, "^model bert, task task: an encoder writes no text"),
        (LINEAR, BERT, ENTITIES, "^model linear, task task: a linear model gives a row one"),
    ],
)
def test_who_cannot_learn_a_task_is_named(
    teacher: Speaker, student: Speaker, of_task: Objective | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        met(teacher, student, of_task)
