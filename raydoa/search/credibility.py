"""How far a single measurement is to be believed, by what all others expect of it.

One that they find incredible gets more noise of its own, and one that is far too low may come from a training that went
wrong.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from raydoa.search.laws import Array
from raydoa.search.regression import Fit

_OUTLIER_FREEDOM = 4.0
# Now and then a training goes wrong: how often that is, and what its score then lacks.
_WRONG = 0.03
_LOSS, _LOSS_SD = 0.1, 0.06
# An expected loss that changes what is believed.
_WORTH_MENTION = 0.005


@dataclass(frozen=True)
class Credibility:
    """Of each measurement ``[measurements]``.

    Attributes:
        extra_noise: a factor of its noise, above 1 where leaving it out predicts it badly.
        lost: what its training has lost if it went wrong, as an expectation.
        variance: of the same.
    """

    extra_noise: Array
    lost: Array
    variance: Array

    @classmethod
    def full(cls, count: int) -> "Credibility":
        """Nothing is discounted."""
        return cls(np.ones(count), np.zeros(count), np.zeros(count))

    @classmethod
    def by(cls, fit: Fit) -> "Credibility":
        """What a fit to all of them says of each."""
        surprise = (fit.left_out**2).mean(axis=0)
        credible = (_OUTLIER_FREEDOM + surprise) / (_OUTLIER_FREEDOM + 6.0)
        wrong = _went_wrong(fit)
        variance = wrong * (1 - wrong) * _LOSS**2 + wrong * _LOSS_SD**2
        return cls(np.maximum(1.0, credible) ** 2, wrong * _LOSS, variance)

    @property
    def is_full(self) -> bool:
        """Whether nothing is discounted that is worth mention."""
        return not (np.any(self.extra_noise > 1) or np.any(self.lost > _WORTH_MENTION))


def _went_wrong(fit: Fit) -> Array:
    """How much likelier than usual it is that each training went wrong.

    Only scores that are too low can tell: noise is no normal distribution, and the far side of it is luck.
    """
    usual, gone = fit.left_out_sd, np.hypot(fit.left_out_sd, _LOSS_SD)
    off = fit.left_out * usual
    odds = logit(_WRONG) + np.log(usual / gone)
    odds = odds + 0.5 * (off / usual) ** 2 - 0.5 * ((off - _LOSS) / gone) ** 2
    wrong = np.where(off > 0, expit(odds), 0.0).mean(axis=0)
    return np.asarray(np.maximum(0.0, wrong - _WRONG))
