"""A student of LLM labels hardly exceeds the LLM, which a pilot has measured; and what would measure such a student."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from raydoa.costs.plan import Plan
from raydoa.experiment.presets import embedded
from raydoa.experiment.resolve import resolve
from raydoa.llm.pilot import Pilot
from raydoa.llm.tokens import Usage
from raydoa.planning.answer import answer
from raydoa.planning.belief import Belief
from raydoa.planning.evidence import Evidence
from raydoa.planning.lines import answer_lines
from raydoa.planning.pilots import pilot_notes
from raydoa.planning.scenario import Scenario, scenario_of
from raydoa.search.surrogate.surface import Measured
from raydoa.strategies import STRATEGIES
from raydoa.strategies.llm_rows import with_llm, without_llm
from tests.unit.llms import PRICE
from tests.unit.planning.conftest import OWNED, measurement

WHICH = ("tester", 4)
TEACHERS = tuple(
    measurement(score, labels, teacher, u)
    for score, labels, teacher, u in (
        (0.40, OWNED, "", 0),
        (0.60, 300, "", 0),
        (0.75, OWNED, "nano-m", 1000),
        (0.85, OWNED, "nano-m", 3000),
        (0.90, OWNED, "nano-l", 3000),
    )
)


@pytest.fixture
def asking(tmp_path: Path) -> Scenario:
    """100 labels are owned, $5 can be spent, and an LLM may be asked with 4 shots."""
    llm = tmp_path / "llm.yaml"
    llm.write_text(json.dumps({"name": "tester", "model": "m", "base_url": "http://127.0.0.1:9/v1", "price": PRICE}))  # fmt: skip
    sweep, runtime = embedded().sweep, embedded().runtime
    axes = {"strategies": STRATEGIES.names(), "u": (1,), "llms": (str(llm),), "shots": (4,)}
    changes = {"grid": sweep.grid.model_copy(update=axes), "shard_rows": 100}
    study = resolve(sweep.model_copy(update=changes), runtime).study
    return scenario_of(study, "lexicon", OWNED, 5.0)


def pilot(score: float, sd: float = 0.02) -> Pilot:
    return Pilot(
        llm="tester", task="lexicon", metric="accuracy", question="q", rows=96, shots=4, score=score, score_low=score - 1.96 * sd,
        score_high=score + 1.96 * sd, labelled_score=score, constant="a", constant_score=0.25, classes=(), confusion=(), bias=(),
        refused={}, reasons=(), tokens=Usage(), micro_usd=0, calibration=None,
    )  # fmt: skip


def student(asking: Scenario, rows: int = 3000) -> Plan:
    found = with_llm(asking.question, WHICH, rows)
    assert found is not None
    return found.with_quantities(student=576)


def test_without_a_pilot_laws_know_nothing_of_an_llm(asking: Scenario) -> None:
    belief = Belief(Evidence(TEACHERS), asking.question)
    asked = student(asking)
    assert belief.best([asked]) == pytest.approx(belief.best([without_llm(asked)]), abs=0.05)


@pytest.mark.parametrize("score", [0.3, 0.65, 0.95])
def test_a_student_scores_as_its_llm_or_as_without_it(asking: Scenario, score: float) -> None:
    belief = Belief(Evidence(TEACHERS, pilots={WHICH: pilot(score)}), asking.question)
    few, many = student(asking, 400), student(asking, 3000)
    alone = belief.best([without_llm(many)])
    of_few, of_many = belief.best([few]), belief.best([many])
    assert alone <= of_few <= of_many <= max(score, alone)
    assert (of_few < of_many) == (score > 0.5), "the more rows, the less it lacks of its LLM"
    drawn = belief.expected([few, many], 500)
    assert drawn[:, 1].mean() == pytest.approx(of_many, abs=0.05)
    low, high = belief.interval(many)
    assert low < of_many < high


def test_an_llm_is_as_uncertain_as_its_pilot(asking: Scenario) -> None:
    widths = []
    for sd in (0.01, 0.1):
        belief = Belief(Evidence(TEACHERS, pilots={WHICH: pilot(0.85, sd)}), asking.question)
        low, high = belief.interval(student(asking))
        widths.append(high - low)
    assert widths[1] > 1.5 * widths[0]


def test_a_teacher_of_an_llm_scores_no_more_than_that(asking: Scenario) -> None:
    taught = with_llm(asking.question, WHICH, 3000, "teacher", teacher="nano-m")
    assert taught is not None
    taught = taught.with_quantities(teacher=3000, pseudo_labels=3000, student=576)
    assert without_llm(taught).choices == (("teacher", "nano-m"),)
    belief = Belief(Evidence(TEACHERS, pilots={WHICH: pilot(0.3)}), asking.question)
    assert belief.best([taught]) == belief.best([without_llm(taught)])


def test_students_that_were_measured_say_more_than_a_pilot(asking: Scenario) -> None:
    known = (*TEACHERS, Measured(student(asking), 0.8))
    free = Belief(Evidence(known), asking.question)
    piloted = Belief(Evidence(known, pilots={WHICH: pilot(0.3)}), asking.question)
    assert piloted.best([student(asking)]) == free.best([student(asking)]) > 0.6


def test_a_question_without_teachers(asking: Scenario) -> None:
    question = replace(asking.question, teachers=(), sizes={})
    belief = Belief(Evidence(TEACHERS[:2], pilots={WHICH: pilot(0.9)}), question)
    assert belief.best([student(asking)]) == pytest.approx(0.9)


def test_what_is_said(asking: Scenario) -> None:
    (line,) = pilot_notes({WHICH: pilot(0.65)}, [WHICH])
    assert line.startswith("tester with 4 shots scores 65.0 (61.1 to 68.9 with 95%) on 96 owned rows: until students")  # fmt: skip
    (line,) = pilot_notes({}, [WHICH])
    assert (
        "was not measured on these owned rows (with these --pilot-rows); raydoa llm pilot does it"
        in line
    )
    (line,) = pilot_notes({WHICH: pilot(0.1)}, [WHICH])
    assert "surely worse than one answer for every row" in line
    answered = answer(asking, Evidence(pilots={WHICH: pilot(0.65)}))
    assert any("65.0" in note for note in answered.notes)


def test_each_first_measurement_can_be_run_as_it_is_written(asking: Scenario) -> None:
    """Those with the LLM name its file, and those without it do not name it."""
    first = answer(asking, Evidence()).first
    assert {m.strategy for m in first} == {"annotate", "distill", "llm_annotate", "llm_distill"}
    for one in first:
        settings = one.settings
        llms = settings["llms"]
        assert bool(llms) == one.strategy.startswith("llm") and "choices" not in settings
        axes = {
            "teacher": settings.get("teachers", [None])[0],
            "u": settings.get("u", [None])[0],
            "llm": "tester" if llms else None,
            "shots": settings.get("shots", [None])[0],
            "llm_rows": settings.get("llm_rows", [None])[0],
        }
        assert all(name.endswith("llm.yaml") for name in llms)
        question = replace(asking.question, axes=axes)
        strategy = STRATEGIES.get(one.strategy)
        assert strategy.plan(question, settings["budgets"][0]) == one.plan
        assert one.plan.quantity("llm_labels") in (0, 1600)


def test_lines_name_the_commands(asking: Scenario) -> None:
    def command(settings: Mapping[str, Any]) -> str:
        return shlex.join(f"{name}={value}" for name, value in settings.items())

    text = "\n".join(answer_lines(answer(asking, Evidence()), command))
    assert "llm.yaml" in text and "llms=[]" in text
