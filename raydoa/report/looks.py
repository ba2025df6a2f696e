"""How strategies and their curves look: colours that all eyes tell apart, and markers, so that a grey print is enough.

A strategy with a colour of its own is one curve; any other has a curve for each of its teachers. Colours are those of
Okabe and Ito.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle

import pandas as pd

from raydoa.report.strategies import strategy_of
from raydoa.strategies import STRATEGIES
from raydoa.strategies.strategy import short_name

SHADES = ("#0072B2", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442")
"""Of curves whose strategy has no colour."""
MARKERS = ("P", "v", "h", "X", "p", "8")
"""Of a strategy's curves after its first."""
_LINES = ("-", "--", "-.", ":")


@dataclass(frozen=True)
class Look:
    """Colour, marker and line of a curve."""

    colour: str
    marker: str
    line: str = "-"


@dataclass(frozen=True)
class Curve:
    """The plans of a strategy, or of a strategy with one of its teachers.

    Attributes:
        strategy: its name.
        teacher: the teacher's name; empty where there is none, or the curve is of all.
        shade: the index of its colour in `SHADES`; None where the strategy has a colour of its own.
        marker: a matplotlib marker.
    """

    strategy: str
    teacher: str
    shade: int | None
    marker: str

    @property
    def label(self) -> str:
        """What a legend says."""
        return f"{self.strategy}, {short_name(self.teacher)}" if self.teacher else self.strategy

    @property
    def colour(self) -> str:
        """In hex."""
        own = strategy_of(self.strategy).colour
        return own if self.shade is None and own else SHADES[self.shade or 0]


def curve_keys(rows: pd.DataFrame) -> pd.Series:
    """Of each row the strategy and teacher of its curve."""
    one_colour = rows["strategy"].map(lambda name: strategy_of(name).colour is not None)
    teachers = rows["teacher"].where(~one_colour.astype(bool), None).fillna("")
    pairs = list(zip(rows["strategy"], teachers, strict=True))
    return pd.Series(pairs, index=rows.index, dtype=object)


def curves_of(rows: pd.DataFrame) -> Mapping[tuple[str, str], Curve]:
    """The curves of rows (cells or plans), by strategy and teacher, in alphabetical order."""
    shades, curves = cycle(range(len(SHADES))), {}
    spare: dict[str, list[str]] = {}
    for name, teacher in sorted(set(curve_keys(rows))):
        strategy = strategy_of(name)
        markers = spare.setdefault(name, [*MARKERS[::-1], strategy.marker])
        marker = markers.pop() if markers else strategy.marker
        shade = next(shades) if strategy.colour is None else None
        curves[name, teacher] = Curve(name, teacher, shade, marker)
    return curves


def look_of(name: str) -> Look:
    """The look of a strategy as a whole, the same in every figure."""
    strategy, names = strategy_of(name), STRATEGIES.names()
    if name not in names:
        return Look(strategy.colour or SHADES[0], strategy.marker)
    shaded = [other.name for other in STRATEGIES if other.colour is None]
    colour = strategy.colour or SHADES[shaded.index(name) % len(SHADES)]
    return Look(colour, strategy.marker, _LINES[names.index(name) % len(_LINES)])


def series_look(position: int) -> Look:
    """The look of one of several curves that are no strategies."""
    return Look(SHADES[position % 5], "soD^vP"[position % 6], _LINES[position % len(_LINES)])
