"""What is believed of several scores together, some of which can be measured."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from raydoa.search.surrogate.inputs import Array

_JITTER = 1e-9


@dataclass(frozen=True)
class Joint:
    """Scores of points as a mixture of normal distributions, one for each draw of the laws' shapes.

    Those that can be measured come first; the others are what a measurement may tell of.

    Attributes:
        means: what each draw expects of each point ``[draws, points]``.
        within: covariances that a draw leaves, averaged over draws, with what can be measured ``[points, measurable]``.
    """

    means: Array
    within: Array

    @cached_property
    def centred(self) -> Array:
        """How far each draw's expectation is from the average one ``[draws, points]``."""
        centred: Array = self.means - self.means.mean(axis=0)
        return centred

    def once_known(self, which: NDArray[np.intp], luck: Array) -> "Joint":
        """What will be believed when some of the measurable have come out with so much luck, on average.

        What they will be is left open, so no expectation changes; what they tell is taken out of every draw and out of
        what a draw leaves (Matheron's rule).

        Args:
            which: positions of those.
            luck: covariance of what is no property of the points ``[which, which]``.
        """
        between = self.centred.T @ self.centred[:, which] / len(self.means)
        all_with_known = self.within[:, which] + between
        outcomes = all_with_known[which] + luck + _JITTER * np.eye(len(which))
        gain = np.linalg.solve(outcomes, all_with_known.T).T
        of_measurable = gain[: self.within.shape[1]]
        alone = self.within[which][:, which] + luck
        within = self.within - gain @ self.within[which] - self.within[:, which] @ of_measurable.T
        within += gain @ alone @ of_measurable.T
        return Joint(self.means - self.centred[:, which] @ gain.T, within)
