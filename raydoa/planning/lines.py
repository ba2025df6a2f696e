"""A plan for people: lines for a terminal."""

from collections.abc import Iterator, Sequence

from raydoa.planning.answer import Answer
from raydoa.planning.break_even import BreakEven
from raydoa.planning.case import Case, Face
from raydoa.planning.outlook import Outlook, Unpayable
from raydoa.planning.sentence import noun, percent, short, usd
from raydoa.planning.what_if import WhatIf

_HEAD = ("plan", "labels", "U", "steps", "score", "80% interval", "P(best)", "labels $", "teacher $", "pseudo-l. $",
         "student $", "total $", "unspent $", "GPU-h", "wall-clock h", "kgCO2e")  # fmt: skip


def answer_lines(answer: Answer) -> Iterator[str]:
    """Everything, the sentence first."""
    case, book = answer.case, answer.case.book
    sweep = case.study.sweep
    yield answer.sentence
    yield ""
    yield (
        f"task {case.task}, N = {case.owned:,} labels owned, B = {usd(case.budget_usd)}, "
        f"student {short(sweep.student)}"
    )
    yield (
        f"prices {book.book_id}: a label {usd(case.label_usd)}, a GPU-hour on {sweep.accelerator} "
        f"{usd(case.gpu_hour_usd)}"
    )
    yield from (f"scores: {line}" for line in answer.sources)
    yield ""
    yield from _aligned([_HEAD, *(_cells(row, answer) for row in answer.table.rows)], words=1)
    yield from map(_unpayable, answer.table.unpayable)
    yield from _legend(case)
    yield ""
    yield from _what_if_lines(answer)
    yield ""
    yield from (_break_even(found) for found in answer.break_evens)
    yield from (f"note: {note}" for note in answer.notes)


def _legend(case: Case) -> Iterator[str]:
    yield (
        "80% interval: of the score that one training gets; doubt about the surface, the teacher's luck and the "
        "seed's are all in it"
    )
    gpus = f"{case.gpus} x {case.study.sweep.accelerator}"
    yield f"P(best): that its expected score is the highest in this table; wall-clock: at least, on {gpus}"


def _cells(row: Outlook, answer: Answer) -> tuple[str, ...]:
    case, ledger = answer.case, row.plan.ledger
    money = [
        usd(item.cost_usd) if (item := ledger.item(stage)) else "-"
        for stage in ("labels", "teacher", "pseudo_labels", "student")
    ]
    return (
        name(row.face),
        f"+{row.plan.quantities.labels:,}",
        f"{row.point.u:,}" if row.point.u else "-",
        f"{row.point.student_steps:,}",
        f"{row.score:.3f}",
        f"{row.low:.3f} to {row.high:.3f}",
        percent(row.best_probability or 0.0),
        *money,
        usd(ledger.cost_usd),
        usd(row.unspent_usd),
        f"{ledger.gpu_seconds / 3600:.3g}",
        f"{case.wall_clock_hours(row.plan):.3g}",
        f"{case.kgco2e(row.plan):.3g}",
    )


def name(face: Face) -> str:
    """A strategy with its teacher."""
    return f"{face.strategy} {short(face.teacher)}".strip()


def _unpayable(found: Unpayable) -> str:
    if found.least_usd is None:
        return f"{name(found.face)}: there are no rows for it"
    return f"{name(found.face)}: cannot be paid; the cheapest takes {usd(found.least_usd)}"


def _what_if_lines(answer: Answer) -> Iterator[str]:
    rows = [("what if", "best plan", "score", "80% interval", "cost", "kgCO2e")]
    for found in answer.what_ifs:
        if found.best is None:
            rows.append((_change(found), str(found.why_not), "", "", "", ""))
            continue
        best = found.best
        rows.append(
            (
                _change(found),
                noun(best, answer.case),
                f"{best.score:.3f} ({best.score - answer.table.best.score:+.3f})",
                f"{best.low:.3f} to {best.high:.3f}",
                usd(best.plan.ledger.cost_usd),
                f"{found.kgco2e:.3g}",
            )
        )
    yield from _aligned(rows, words=2)


def _change(found: WhatIf) -> str:
    before = f" (now {found.now:.4g})" if found.now is not None else ""
    return f"{found.change.name} = {found.change.value:.4g}{before}"


def _break_even(found: BreakEven) -> str:
    what = f"break-even {found.name}, annotate against distill"
    if found.price is None:
        always = "neither can be paid" if found.below == "neither" else f"{found.below} is ahead"
        return f"{what}: none; {always} from {usd(found.low)} to {usd(found.high)}"
    after = "annotate" if found.below == "distill" else "distill"
    return f"{what}: {usd(found.price)} (now {usd(found.now)}); below it {found.below} is ahead, above it {after}"


def _aligned(rows: Sequence[Sequence[str]], words: int) -> Iterator[str]:
    """Columns as wide as they need to be: the first ones are words and start on the left, numbers end on the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        cells[:words] = [
            cell.ljust(width) for cell, width in zip(row[:words], widths, strict=False)
        ]
        yield "  ".join(cells).rstrip()
