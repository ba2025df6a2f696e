"""What an answer means: on the list or not, its probabilities, spans of the row, votes."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.llm.answer import Answer
from raydoa.llm.formats import CODES, AnswerForm
from raydoa.llm.reading import Read, code_log_probs, read
from raydoa.tasks.catalog import TASKS
from raydoa.tasks.reading.rows import read_rows
from raydoa.tasks.task import TaskSpec
from tests.unit.llm.asking import answer, closed, llm, tagging, writing


def form(task: TaskSpec | None = None, **of_llm: object) -> AnswerForm:
    return AnswerForm.of(llm(**of_llm), task or closed())


def meant(text: str, task: TaskSpec | None = None, source: str = "a row", **of_llm: object) -> Read:
    return read([answer(text)], source, form(task, **of_llm))


@pytest.mark.parametrize(
    "text",
    [
        "SUPPORTS", " supports\n", '"Supports".', "**SUPPORTS**", "(SUPPORTS)", '{"label": "SUPPORTS"}',
        '{\n  "label": "supports "\n}', '```json\n{"label": "SUPPORTS"}\n```', "```\nSUPPORTS\n```", '"SUPPORTS"',
        "<think>It REFUTES?\nNo.</think>\n\nSUPPORTS",
    ],
)  # fmt: skip
@pytest.mark.parametrize("answers", ["json_schema", "structured_outputs", "grammar", "free"])
def test_a_class_is_read(text, answers):
    assert meant(text, answers=answers) == Read("SUPPORTS")


@pytest.mark.parametrize(
    "text",
    [
        "maybe", "SUPPORTS or REFUTES", "not SUPPORTS", "The class is SUPPORTS", "SUPPORT", "A", "0",
        '{"label": "maybe"}', '{"label": ["SUPPORTS"]}', '{"class": "SUPPORTS"}', '{"label": "SUPPORTS", "x": 1}',
        '{"label": "SUPPORTS"} {"label": "REFUTES"}', '{"label": "SUPPORTS', "[1]", "null", "{}", "\x00", "ѕupports",
        "[" * 100_000, "9" * 5_000, "x" * 100_000, "<think>SUPPORTS", "\u202eSTROPPUS",
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_what_is_off_the_list_is_refused(text):
    got = meant(text)
    assert got.text is None and got.reason.startswith("off the list: ")
    assert len(got.reason) < 100 and "\n" not in got.reason


@pytest.mark.parametrize("text", ["", " \n", "<think>SUPPORTS</think>"])
def test_an_empty_answer_is_refused(text):
    for task in (closed(), tagging(), writing()):
        assert meant(text, task) == Read(None, refused="off_list", reason="empty")


@given(st.text())
def test_only_classes_are_ever_read(text):
    for task in (closed(), closed("A", "B", "yes", "{}")):
        for top in (0, 5):
            got = read([answer(text, ("A", -1.0))], "row", form(task, top_logprobs=top))
            assert (got.text in task.classes) if got.text is not None else got.reason


def test_an_answer_that_failed_is_refused_with_its_reason():
    cut = answer("SUPPORTS", state="cut_off")
    failed = answer("", state="failed", reason="HTTP 500 after 6 retries")
    for one, said in ((cut, "cut off"), (failed, "HTTP 500 after 6 retries")):
        assert read([one], "row", form()) == Read(None, refused=one.state, reason=said)


# Soft labels.


def test_log_probabilities_of_codes():
    top = (
        ("A", math.log(0.6)),
        (" B", math.log(0.2)),
        ("B", math.log(0.1)),
        ("The", math.log(0.1)),
    )
    got = read([answer("A", *top)], "row", form(top_logprobs=5))
    assert got.text == "REFUTES"
    assert [math.exp(one) for one in got.log_probs] == pytest.approx([2 / 3, 1 / 3])


@pytest.mark.parametrize("token", ["A", " A", "A\n", "\u2581A", "\u0120A"])
def test_a_code_is_a_token_whatever_its_blanks(token):
    assert code_log_probs([(token, -0.5), ("B", -9999.0)], "AB")[0] == pytest.approx(0, abs=1e-6)


def test_a_class_by_name_where_codes_were_asked_for():
    got = read([answer("Supports", ("B", -0.1), ("A", -3.0))], "row", form(top_logprobs=5))
    assert got.text == "SUPPORTS" and got.log_probs is not None
    # A class that is called as the code of another is meant by its name.
    odd = form(closed("B", "A"), top_logprobs=5)
    assert read([answer("A", ("A", -0.1))], "row", odd).text == "A"


def test_an_endpoint_that_tells_no_likeliest_tokens_is_refused():
    assert "likeliest" in read([answer("A")], "row", form(top_logprobs=5)).reason
    assert "likeliest" in read([answer("A", ("a", -0.1))], "row", form(top_logprobs=5)).reason


def test_missing_codes_share_what_is_left():
    # 0.7 + 0.1 are told, and 0.2 are left for C and D.
    top = [("A", math.log(0.7)), ("B", math.log(0.1))]
    assert [math.exp(one) for one in code_log_probs(top, "ABCD")] == pytest.approx(
        [0.7, 0.1, 0.1, 0.1]
    )
    # But neither can be likelier than the least likely that is told.
    top = [("A", math.log(0.6)), ("B", math.log(0.05))]
    got = [math.exp(one) for one in code_log_probs(top, "ABC")]
    assert got == pytest.approx([0.6 / 0.7, 0.05 / 0.7, 0.05 / 0.7])


_TOKENS = st.sampled_from([*"ABCDE", " A", "B\n", "The", "", "\u200bA"])
_LOG_PROBS = st.floats(max_value=0.5, allow_nan=False)


@given(st.lists(st.tuples(_TOKENS, _LOG_PROBS), max_size=20), st.integers(2, 5))
def test_log_probabilities_are_a_distribution(top, classes):
    got = code_log_probs(top, CODES[:classes])
    if got is not None:
        assert len(got) == classes and all(map(math.isfinite, got))
        assert math.fsum(map(math.exp, got)) == pytest.approx(1)


def _votes(*texts: str) -> list[Answer]:
    return [answer(text) for text in texts]


def test_votes_become_shares():
    three = form(votes=3, temperature=1)
    got = read(_votes("SUPPORTS", "supports", "REFUTES"), "row", three)
    assert got.text == "SUPPORTS"
    assert [math.exp(one) for one in got.log_probs] == pytest.approx([1.5 / 4, 2.5 / 4])
    # What is off the list has no vote; where all is, there is no label.
    got = read(_votes("SUPPORTS", "dunno", "who knows"), "row", three)
    assert [math.exp(one) for one in got.log_probs] == pytest.approx([0.5 / 2, 1.5 / 2])
    assert read(_votes("dunno", "well", "dunno"), "row", three) == Read(
        None, refused="off_list", reason="off the list: 'dunno'"
    )
    assert read(_votes("SUPPORTS", "REFUTES", "x"), "row", three).text == "REFUTES"


# Entities and text.


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Add [Action] buffer A [Reagent]", None),
        (" add  [Action]  Buffer   A [Reagent]\n", "add [Action] Buffer A [Reagent]"),
        ("bufferA [Reagent]", None),
        ("none", ""),
        ("None.", ""),
    ],
)
def test_entities_are_read(text, label):
    got = meant(text, tagging(), "Add 5 ml of buffer  A.")
    assert got == Read(text if label is None else label)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Add [Action] water [Reagent]", "not in the row: 'water'"),
        ("Add [Action] then buffer", "text after the last entity: 'then buffer'"),
        ("Add buffer", "no entities of known types: 'Add buffer'"),
        ("Add [Verb] buffer [Thing]", "no entities of known types"),
        ("Add [Verb] buffer [Reagent]", r"not in the row: 'Add [Verb] buffer'"),
        ("[Action]", "not in the row: ''"),
        ("Here are the entities: Add [Action]", "not in the row: 'Here are the entities: Add'"),
    ],
)
def test_entities_that_the_row_does_not_have_are_refused(text, said):
    got = meant(text, tagging(), "Add 5 ml of buffer.")
    assert got.text is None and got.reason.startswith(said)


def test_all_gold_of_wlp_would_be_read(repository):
    data = repository.parent / "shared" / "data"
    if not data.is_dir():
        pytest.skip("the six tasks' rows are not in ../shared/data")
    task = TASKS["wlp"]
    shape = form(task)
    for row in read_rows(task, data).train[:3000]:
        assert read([answer(shape.written(row.target))], row.source, shape).text is not None, row


def test_text_is_read():
    assert meant(" Ringo\nStarr ", writing()) == Read("Ringo\nStarr")
    assert meant("none", writing()) == Read("none")


# How an endpoint is held to it.


def test_each_format_says_what_there_is():
    assert form().constraint()["response_format"]["json_schema"]["schema"]["properties"] == {
        "label": {"type": "string", "enum": ["REFUTES", "SUPPORTS"]}
    }
    assert form(answers="structured_outputs").constraint() == {
        "structured_outputs": {"choice": ["REFUTES", "SUPPORTS"]}
    }
    assert form(answers="grammar").constraint() == {"grammar": 'root ::= "REFUTES" | "SUPPORTS"'}
    assert form(answers="free").constraint() == {}


@pytest.mark.parametrize("answers", ["json_schema", "structured_outputs", "grammar", "free"])
def test_a_code_is_the_first_token_of_every_format(answers):
    soft = form(answers=answers, top_logprobs=7)
    told = soft.constraint()
    assert (told.pop("logprobs"), told.pop("top_logprobs")) == (True, 7)
    assert soft.codes == ("A", "B") and soft.written("supports") == "B"
    assert told == {
        "structured_outputs": {"structured_outputs": {"choice": ["A", "B"]}},
        "grammar": {"grammar": 'root ::= "A" | "B"'},
    }.get(answers, {})


def test_a_grammar_escapes_its_classes():
    odd = form(closed('say "no"', "back\\slash", "ü"), answers="grammar")
    assert odd.constraint()["grammar"] == r'root ::= "say \"no\"" | "back\\slash" | "ü"'


@pytest.mark.parametrize("answers", ["json_schema", "structured_outputs", "free"])
def test_text_is_asked_for_as_text(answers):
    for task in (tagging(), writing()):
        assert form(task, answers=answers).constraint() == {}
    assert form(writing(), answers="grammar").constraint() == {}
    assert '" [" type "]"' in form(tagging(), answers="grammar").constraint()["grammar"]


def test_why_labels_are_hard():
    many = closed(*(f"class {n}" for n in range(27)))
    for task, said in ((many, "has 27 classes"), (tagging(), "text"), (writing(), "text")):
        hard = form(task, top_logprobs=5)
        assert said in hard.hard_because and not hard.codes and not hard.top
    assert form(many).hard_because == form(many, votes=3, temperature=1).hard_because == ""
    assert form(writing(), votes=3, temperature=1).votes == 1
    assert form(closed(*(f"class {n}" for n in range(26))), top_logprobs=5).codes[-1] == "Z"


@given(
    st.lists(st.text(min_size=1), min_size=2, max_size=5), st.sampled_from(["json_schema", "free"])
)
def test_a_shot_is_read_as_its_target(names, answers):
    names = [
        name for name in names if name.strip() and not name.strip().startswith(("{", "`", "<", '"'))
    ]
    if len({name.strip().casefold() for name in names}) < max(2, len(names)):
        return
    task = closed(*names)
    for name in names:
        shot = form(task, answers=answers).written(name)
        assert meant(shot, task, answers=answers).text == name
        assert len(shot.encode()) < form(task, answers=answers).most_tokens(task.target_length)
