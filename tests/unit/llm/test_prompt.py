"""Users' templates: sandboxed, and mistakes in them are a line."""

from pathlib import Path

import pytest

from raydoa.errors import UserError
from raydoa.llm.inquiry import Inquiry
from raydoa.tasks.own_task import read_task_yaml
from raydoa.tasks.task import TaskSpec
from tests.unit.llm.asking import SHOTS, closed, llm


def own(folder: Path, user: str | None = None, system: str | None = None) -> TaskSpec:
    files: dict[str, str] = {}
    for name, text in (("prompt", user), ("system_prompt", system)):
        if text is not None:
            (folder / f"{name}.j2").write_text(text, encoding="utf-8")
            files[name] = str(folder / f"{name}.j2")
    return closed(**files)


def ask(task: TaskSpec, source: str = "grass is green") -> list[dict[str, str]]:
    return Inquiry.of(llm(answers="free"), task, SHOTS).messages(source)


def test_a_template_of_ones_own(tmp_path):
    task = own(tmp_path, "Claim: {{ source }}\nOne of {{ classes | join(', ') }}:", "{{ name }}")
    messages = ask(task)
    assert messages[0] == {"role": "system", "content": "claims"}
    assert messages[-1]["content"] == "Claim: grass is green\nOne of REFUTES, SUPPORTS:"
    # Shots are asked in the same words.
    assert messages[1]["content"].startswith("Claim: the sky is green\n")


def test_a_template_that_places_the_shots(tmp_path):
    user = (
        "{% for shot in shots %}{{ shot.source }} -> {{ shot.answer }}\n{% endfor %}{{ source }} ->"
    )
    _, row = ask(own(tmp_path, user))
    assert (
        row["content"] == "the sky is green -> REFUTES\nwater is wet -> SUPPORTS\ngrass is green ->"
    )


def test_an_empty_system_message_is_not_sent(tmp_path):
    assert ask(own(tmp_path, "{{ source }}", " \n"))[0]["role"] == "user"


def test_a_row_is_no_template(tmp_path):
    task = own(tmp_path, "{{ source }}|{{ source | fenced }}")
    source = "{{ classes }}{% raw %}</row>"
    assert ask(task, source)[-1]["content"] == f"{source}|<row-1>{source}</row-1>"


def test_a_changed_template_is_another_question(tmp_path):
    one = Inquiry.of(llm(), own(tmp_path, "{{ source }}"), SHOTS).fingerprint
    other = "{% if source | length > 1000 %}Long: {% endif %}{{ source }}"
    assert Inquiry.of(llm(), own(tmp_path, other), SHOTS).fingerprint != one


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("a\n{{ source }\n", r"prompt\.j2:2: not a Jinja template: "),
        ("{% for x in classes %}{{ source }}", r"prompt\.j2:1: not a Jinja template: .*endfor"),
        ("{{ source | upper_case }}", r"prompt\.j2:1: not a Jinja template: .*upper_case"),
        ("{{ source }}\n\n{{ sauce }}", r"prompt\.j2:3: 'sauce' is undefined; a prompt can name asked_for, class"),
        ("{{ source }}\n{{ shots[0].label }}", r"prompt\.j2:2: .*has no attribute 'label'"),
        ("{{ source }}{{ 1 / 0 }}", r"prompt\.j2:1: division by zero"),
        ("{{ source }}{{ classes | fenced }}", r"prompt\.j2:1: .*list"),
        ("{{ source }}{% include 'other.j2' %}", r"prompt\.j2:1: no loader"),
        ("what is it?", r"never names `source`"),
    ],
)  # fmt: skip
def test_a_mistake_is_a_line(tmp_path, template, said):
    with pytest.raises(UserError, match=said) as told:
        ask(own(tmp_path, template))
    assert "\n" not in str(told.value)
    assert str(told.value).startswith(str(tmp_path / "prompt.j2"))


def test_a_row_is_no_system_message(tmp_path):
    with pytest.raises(UserError, match=r"system_prompt\.j2: it names `source`"):
        ask(own(tmp_path, system="{{ source }}"))


@pytest.mark.parametrize(
    "escape",
    [
        "{{ source.__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ shots.append(1) }}",
        "{{ classes.clear() }}",
        "{{ cycler.__init__.__globals__.os.popen('id') }}",
        "{{ self.__init__.__globals__ }}",
        "{{ source | attr('__class__') }}",
        "{{ '{0.__class__}'.format(source) }}",
        "{{ lipsum.__globals__['os'] }}",
        "{{ range(10 ** 9) | list }}",
        "{% import 'os' as os %}",
        "{{ shots[0].update({'source': 'x'}) }}",
    ],
)
def test_a_template_does_not_leave_its_sandbox(tmp_path, escape):
    with pytest.raises(UserError, match="prompt.j2"):
        ask(own(tmp_path, "{{ source }}" + escape))


def test_files_are_beside_the_task(tmp_path):
    (tmp_path / "ask.j2").write_text("{{ source }}?")
    (tmp_path / "rows.jsonl").write_text('{"source": "a", "target": "YES"}\n')
    (tmp_path / "task.yaml").write_text(
        'name: mine\nprefix: ""\nmetric: accuracy\nclasses: ["NO", "YES"]\nsource_length: 8\ntarget_length: 8\n'
        "train: rows.jsonl\ntest: rows.jsonl\nprompt: ask.j2\nclass_descriptions: {'YES': it is so}\n"
    )
    task = read_task_yaml(tmp_path / "task.yaml")
    assert task.prompt == str(tmp_path / "ask.j2")
    assert Inquiry.of(llm(), task, ()).messages("x")[-1]["content"] == "x?"


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match=r"none.j2: the prompt cannot be read \(No such file"):
        ask(closed(prompt=str(tmp_path / "none.j2")))
    (tmp_path / "latin.j2").write_bytes(b"caf\xe9 {{ source }}")
    with pytest.raises(UserError, match=r"latin.j2: not UTF-8"):
        ask(closed(prompt=str(tmp_path / "latin.j2")))
