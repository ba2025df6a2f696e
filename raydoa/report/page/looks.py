"""How curves look on the page: matplotlib's markers as SVG paths, and colours that are seen on light and dark paper."""

import colorsys
import re
from collections.abc import Iterable

from matplotlib.colors import to_hex, to_rgb
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

from raydoa.report.looks import Curve

_LEAST_CONTRAST = 3.0
"""WCAG AA, of graphics."""
_LETTERS = {
    Path.MOVETO: "M",
    Path.LINETO: "L",
    Path.CURVE3: "Q",
    Path.CURVE4: "C",
    Path.CLOSEPOLY: "Z",
}


def marker_path(marker: str) -> str:
    """The outline of a matplotlib marker in a square of 2 x 2 around 0, as an SVG path, which a canvas draws too."""
    style = MarkerStyle(marker)
    # matplotlib's markers are half as large, and its y goes up.
    outline = style.get_path().transformed(style.get_transform() + Affine2D().scale(2, -2))
    parts = []
    for vertices, code in outline.iter_segments(curves=True, simplify=False):
        numbers = (
            ""
            if code == Path.CLOSEPOLY
            else " ".join(f"{round(value, 3) + 0.0:g}" for value in vertices)
        )
        parts.append(_LETTERS[code] + numbers)
    return "".join(parts)


def curve_style(curves: Iterable[Curve], style: str) -> str:
    """Colours of the strategies that have their own, as CSS properties for both schemes.

    Args:
        curves: of the page.
        style: its style sheet, whose two ``--panel`` are the grounds that colours stand out from.
    """
    own = [(index, curve) for index, curve in enumerate(curves) if curve.shade is None]
    light, dark = (
        "".join(f"--curve-{index}:{_seen(curve.colour, ground)};" for index, curve in own)
        for ground in re.findall(r"--panel: (#[0-9a-f]{6})", style)
    )
    return f":root{{{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"


def _seen(colour: str, ground: str) -> str:
    """The colour, as much darker or lighter as it takes to stand out from the ground."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*to_rgb(colour))
    step = 0.01 if _luminance(to_rgb(ground)) < 0.5 else -0.01
    rgb = to_rgb(colour)
    while _contrast(rgb, to_rgb(ground)) < _LEAST_CONTRAST and 0 < lightness + step < 1:
        lightness += step
        rgb = colorsys.hls_to_rgb(hue, lightness, saturation)
    return to_hex(rgb)


def _contrast(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """WCAG 2.2's contrast ratio."""
    low, high = sorted([_luminance(one), _luminance(other)])
    return (high + 0.05) / (low + 0.05)


def _luminance(rgb: tuple[float, float, float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
