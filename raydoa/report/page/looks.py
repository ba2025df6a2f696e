"""How curves look on the page: matplotlib's markers as SVG paths, and colours that are seen on light and dark paper."""

import colorsys
import re
from collections.abc import Iterable

from raydoa.report.looks import Curve

_LEAST_CONTRAST = 3.0
"""WCAG AA, of graphics."""
_PATHS = {
    "o": (
        "M0 1C0.265 1 0.52 0.895 0.707 0.707C0.895 0.52 1 0.265 1 0C1 -0.265 0.895 -0.52 0.707 -0.707C0.52 -"
        "0.895 0.265 -1 0 -1C-0.265 -1 -0.52 -0.895 -0.707 -0.707C-0.895 -0.52 -1 -0.265 -1 0C-1 0.265 -"
        "0.895 0.52 -0.707 0.707C-0.52 0.895 -0.265 1 0 1Z"
    ),
    "s": "M-1 1L1 1L1 -1L-1 -1Z",
    "^": "M0 -1L-1 1L1 1Z",
    "D": "M0 1.414L1.414 0L0 -1.414L-1.414 0Z",
    "v": "M0 1L1 -1L-1 -1Z",
    "X": "M-0.5 1L0 0.5L0.5 1L1 0.5L0.5 0L1 -0.5L0.5 -1L0 -0.5L-0.5 -1L-1 -0.5L-0.5 0L-1 0.5Z",
    "P": (
        "M-0.333 1L0.333 1L0.333 0.333L1 0.333L1 -0.333L0.333 -0.333L0.333 -1L-0.333 -1L-0.333 -0.333L-1 -"
        "0.333L-1 0.333L-0.333 0.333Z"
    ),
    "h": "M0 -1L-0.866 -0.5L-0.866 0.5L0 1L0.866 0.5L0.866 -0.5Z",
    "p": "M0 -1L-0.951 -0.309L-0.588 0.809L0.588 0.809L0.951 -0.309Z",
    "8": (
        "M-0.383 -0.924L-0.924 -0.383L-0.924 0.383L-0.383 0.924L0.383 0.924L0.924 0.383L0.924 -0.383L0.383 -"
        "0.924Z"
    ),
}
"""What `_traced` finds for the markers that raydoa has itself: importing matplotlib takes longer than writing a page."""


def marker_path(marker: str) -> str:
    """The outline of a matplotlib marker in a square of 2 x 2 around 0, as an SVG path, which a canvas draws too."""
    return _PATHS[marker] if marker in _PATHS else _traced(marker)


def _traced(marker: str) -> str:
    from matplotlib.markers import MarkerStyle
    from matplotlib.path import Path
    from matplotlib.transforms import Affine2D

    letters = {
        Path.MOVETO: "M",
        Path.LINETO: "L",
        Path.CURVE3: "Q",
        Path.CURVE4: "C",
        Path.CLOSEPOLY: "Z",
    }
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
        parts.append(letters[code] + numbers)
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
    rgb, below = _rgb(colour), _rgb(ground)
    hue, lightness, saturation = colorsys.rgb_to_hls(*rgb)
    step = 0.01 if _luminance(below) < 0.5 else -0.01
    while _contrast(rgb, below) < _LEAST_CONTRAST and 0 < lightness + step < 1:
        lightness += step
        rgb = colorsys.hls_to_rgb(hue, lightness, saturation)
    return "#" + "".join(f"{round(255 * part):02x}" for part in rgb)


def _rgb(colour: str) -> tuple[float, float, float]:
    """Of ``#rrggbb``, between 0 and 1."""
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _contrast(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """WCAG 2.2's contrast ratio."""
    low, high = sorted([_luminance(one), _luminance(other)])
    return (high + 0.05) / (low + 0.05)


def _luminance(rgb: tuple[float, float, float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
