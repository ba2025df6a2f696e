"""What a pilot found, in lines for people."""

from tabulate import tabulate

from raydoa.llm.calibration import Calibration
from raydoa.llm.pilot import FEWEST_ROWS, Pilot
from raydoa.llm.reading import Refusal


def pilot_lines(pilot: Pilot) -> list[str]:
    """What a pilot found, for people."""
    shots = f"{pilot.shots} shots beside" if pilot.shots else "no shots"
    told = [
        f"{pilot.llm} on {pilot.rows:,} owned rows of {pilot.task}, {shots}",
        _score_line(pilot),
        *([_refused_line(pilot)] if pilot.refused else []),
        f"${pilot.micro_usd_per_row / 1000:,.4f} per 1,000 rows; tokens a row: {_tokens(pilot)}",
        *([_calibration_line(pilot.calibration)] if pilot.calibration else []),
        *([_verdict(pilot)] if pilot.worse_than_chance or pilot.rows < FEWEST_ROWS else []),
    ]
    return [*told, *(["", *_confusion_table(pilot)] if pilot.classes else [])]


def _score_line(pilot: Pilot) -> str:
    if pilot.score is None:
        return f"{pilot.metric}: not computed, its model is not there"
    interval = f"(95% interval {pilot.score_low:.3f} to {pilot.score_high:.3f})"
    always = (
        f"; always {pilot.constant!r} scores {pilot.constant_score:.3f}" if pilot.classes else ""
    )
    return f"{pilot.metric} {pilot.score:.3f} {interval}{always}"


def _refused_line(pilot: Pilot) -> str:
    kinds = ", ".join(f"{count} {_words(kind)}" for kind, count in pilot.refused.items())
    reason, count = pilot.reasons[0]
    return (
        f"{pilot.refused_share:.1%} without a label: {kinds}; the commonest, {count} times: {reason}; "
        f"{pilot.metric} of the others {pilot.labelled_score or 0.0:.3f}"
    )


def _words(kind: Refusal) -> str:
    return "off the list" if kind == "off_list" else kind.replace("_", " ")


def _tokens(pilot: Pilot) -> str:
    kinds = {
        "input": pilot.tokens.input,
        "cached": pilot.tokens.cached,
        "output": pilot.tokens.output,
    }
    return ", ".join(f"{count / pilot.rows:,.1f} {kind}" for kind, count in kinds.items())


def _calibration_line(found: Calibration) -> str:
    return (
        f"calibrated at temperature {found.temperature:.2f}: NLL {found.nll_before:.3f} to {found.nll_after:.3f}, "
        f"calibration error {found.ece_before:.3f} to {found.ece_after:.3f}, on other rows than it was fitted on"
    )


def _verdict(pilot: Pilot) -> str:
    if pilot.rows < FEWEST_ROWS:
        return f"fewer than {FEWEST_ROWS} rows say little: whether it is better than chance is not known"
    return "worse than chance: one answer for every row is surely better"


def _confusion_table(pilot: Pilot) -> list[str]:
    headers = ["it is, and is called", *pilot.classes, "nothing", "called minus is"]
    rows = [
        [name, *map(str, counts), f"{bias:+.1%}"]
        for name, counts, bias in zip(pilot.classes, pilot.confusion, pilot.bias, strict=True)
    ]
    align = ["left"] + ["right"] * (len(headers) - 1)
    table = tabulate([headers, *rows], tablefmt="plain", disable_numparse=True, colalign=align)
    return table.splitlines()
