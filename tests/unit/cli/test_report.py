"""`raydoa report`: what it prints, the figures it writes, and what it refuses in one line."""

import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.image
import pandas as pd
import pytest

from raydoa.cli import main
from raydoa.experiment.beside_rows import SWEEP_FILE, write_beside_rows
from raydoa.report.results import write_cells
from tests.unit.answered import answered, right_answers
from tests.unit.report.conftest import grid, sweep_files
from tests.unit.world import World


@pytest.fixture
def sweep(tmp_path: Path) -> Callable[..., str]:
    def write(cells: pd.DataFrame, name: str = "sweep") -> str:
        (tmp_path / name).mkdir()
        write_cells(cells, tmp_path / name)
        return str(tmp_path / name)

    return write


def _computed(cells: pd.DataFrame) -> pd.DataFrame:
    """With what figures of prices and bills want to know."""
    stages = ("teacher", "pseudo_labels", "student")
    planned = {f"gpu_seconds_{s}": 10.0 for s in stages} | {"gpu_seconds_llm": 0.0}
    measured = {f"measured_gpu_seconds_{s}": 9.0 for s in stages}
    told = {f"basis_{s}": "estimated" for s in stages} | {
        "key_student": cells["plan"].map(lambda plan: f"{plan:0>64}", na_action="ignore")
    }
    costs = {f"cost_{s}": cells["cost_total"] / 3 for s in stages}
    return cells.assign(
        **planned, **measured, **told, **costs, cost_labels=0.0, prices="2026-11-09"
    )


def test_the_table_and_the_sentences(
    sweep: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", sweep(grid())]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("task    n    budget    annotate")
    assert "With $100 and 8 labels on tiny, distil xxl on 20 pseudo-labels: " in printed
    assert "48 cells: standalone $559.80, incurred $48.00" in printed


def test_other_prices_and_budgets(
    sweep: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sweep(grid(scaled=None))
    assert main(["report", folder, "--price", "label=0.01", "gpu_hour=5", "--budgets", "2"]) == 0
    printed = capsys.readouterr().out
    assert "With $2 and 8 labels on tiny, " in printed
    assert "(book+label.tiny=0.01+gpu.a=5)" in printed


def test_figures_are_vectors_and_pictures(
    sweep: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sweep(_computed(grid(tasks=("a/b <task>",))))
    assert main(["report", folder, "--figures", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert all(str(path) in printed for path in (tmp_path / "out").iterdir())
    names = {path.name for path in (tmp_path / "out").iterdir()}
    stems = {"frontier", "budgets", "chance", "compute_share", "teachers", "pools"}
    expected = {f"{stem}-a_b_task_" for stem in stems} | {f"prices-a_b_task_-N{n}" for n in (8, 16)}
    expected |= {"sharing", "audit"}
    assert names == {f"{stem}.{kind}" for stem in expected for kind in ("pdf", "png")}
    for path in (tmp_path / "out").glob("*.png"):
        picture = matplotlib.image.imread(path)
        assert picture.shape[1] == 990, "3.3 inches at 300 dots"
        assert picture[..., :3].std() > 0.03, "not an empty sheet"
    assert all(path.read_bytes().startswith(b"%PDF") for path in (tmp_path / "out").glob("*.pdf"))


def test_what_a_sweep_has_nothing_for_is_not_drawn(
    sweep: Callable[..., str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cells = _computed(grid(seeds=1))
    folder = sweep(cells[cells["strategy"] == "annotate"])
    assert main(["report", folder, "--figures", str(tmp_path / "out")]) == 0
    for name in ("chance-tiny", "teachers-tiny", "pools-tiny"):
        assert f"{name}: not drawn, these cells have nothing for it" in caplog.text
        assert not (tmp_path / "out" / f"{name}.png").exists()
    assert (tmp_path / "out" / "frontier-tiny.png").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--price", "label"], "--price: found 'label'; expected PRICE=NUMBER"),
        (["--price", "label=cheap"], "--price: found 'label=cheap'; expected PRICE=NUMBER"),
        (["--price", "labl=1"], "price: found 'labl'; those of this sweep are label, gpu_hour, grid, label.tiny"),
        (["--price", "label=-1"], "label.tiny: found -1; a price is a number from 0 up"),
        (["--price", "grid=0.1"], "the sweep's price book 'book' is not shipped with raydoa"),
        (["--prices", "nobody"], "price book: found 'nobody'"),
        (["--budgets", "0"], "--budgets: found 0; a budget is a number of dollars above 0"),
    ],
)  # fmt: skip
def test_mistakes(
    sweep: Callable[..., str], flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", sweep(grid()), *flags]) == 2
    error = capsys.readouterr().err
    assert error.startswith("raydoa: ") and message in error and error.count("\n") == 1


def test_no_sweep_and_nothing_to_draw(
    sweep: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(tmp_path / "gone")]) == 2
    assert "gone: no finished cells; expected a Tune result dir" in capsys.readouterr().err
    folder = sweep(grid(feasible=False))
    assert main(["report", folder]) == 0
    assert "every plan is infeasible, such as" in capsys.readouterr().out
    assert main(["report", folder, "--figures", str(tmp_path / "out")]) == 2
    assert "none of 48 cells has a score, so there is nothing to draw" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000 + b"\n",
        b"\xff\xfe\n",
        b'{"schema": 4, "cell": "a"}\n',
        b'{"schema": 1e400}\n',
    ],
)
def test_a_damaged_trial_is_one_line(
    refused: Callable[..., str], tmp_path: Path, content: bytes
) -> None:
    for name, whole in sweep_files(grid(seeds=1)).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(whole)
    path = min(tmp_path.glob("*/result.json"))
    path.write_bytes(content)
    assert f"{path}: " in refused("report", tmp_path)
    assert path.read_bytes() == content and not (tmp_path / "report.html").exists()


def test_a_damaged_table_is_said(sweep: Callable[..., str], refused: Callable[..., str]) -> None:
    path = Path(sweep(grid(seeds=1))) / "cells.csv"
    path.write_bytes(path.read_bytes()[:-3] + b"9\n")
    assert "cells.csv: it is not what cells.csv.sha256 says was written" in refused(
        "report", path.parent
    )


def test_rows_in_the_page_and_the_two_switches(sweep: Callable[..., str], world: World) -> None:
    right = right_answers(world)
    cells = answered(world, {"annotate": right, "distill": ["maybe"] * len(right)})
    folder = Path(sweep(cells))
    write_beside_rows(world.resolved(), folder)
    source = json.loads((world.folder / "task" / "test.jsonl").read_text().splitlines()[0])[
        "source"
    ]

    def written(*flags: str) -> str:
        assert main(["report", str(folder), *flags]) == 0
        return (folder / "report.html").read_text(encoding="utf-8")

    assert source in written()
    assert source not in written("--no-texts")
    (folder / SWEEP_FILE).write_text('{"store": "/moved/away"}')
    assert "/moved/away: no artifact" in written()
    assert source in written("--store", str(world.folder / "store"))
