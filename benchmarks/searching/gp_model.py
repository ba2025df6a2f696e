"""A Gaussian process of BoTorch's over the points that were measured, and exact acquisition values over finite sets.

The plans are a finite set, so an acquisition function is computed for every candidate and nothing is optimised. Fits
are kept: `suggest` and `recommend` ask for the same one.
"""

import warnings
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.exceptions.warnings import InputDataWarning, NumericsWarning
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP, SingleTaskMultiFidelityGP
from botorch.models.transforms import Standardize
from gpytorch.mlls import ExactMarginalLogLikelihood

from raydoa.costs.plan import Plan
from raydoa.search.sampler import Observation, SearchState
from raydoa.search.space import Space

from .coordinates import FIDELITY, Array, Coordinates

torch.set_num_threads(1)
warnings.simplefilter("ignore", InputDataWarning)
warnings.simplefilter("ignore", NumericsWarning)

_QUANTILES = 32
_EACH = 12


class Model:
    """A fit of scores by coordinates.

    Args:
        space: of the coordinates.
        plans: what was measured.
        scores: what came out.
        fidelity: whether the share of the owned labels that is used is a fidelity of its own, as BoTorch models it.
        like: a fit to fewer points whose hyperparameters are taken over; None to fit them.
    """

    def __init__(
        self,
        space: Space,
        plans: Sequence[Plan],
        scores: Sequence[float],
        fidelity: bool,
        like: "Model | None" = None,
    ) -> None:
        self._coordinates = Coordinates(space)
        self._fidelity = fidelity
        self._inputs = self._tensor(plans)
        torch.manual_seed(len(plans))
        targets = torch.tensor(scores, dtype=torch.double).unsqueeze(-1)
        scaled = Standardize(m=1)
        if fidelity:
            self._model = SingleTaskMultiFidelityGP(
                self._inputs, targets, data_fidelities=[FIDELITY], outcome_transform=scaled
            )
        else:
            self._model = SingleTaskGP(self._inputs, targets, outcome_transform=scaled)
        if like is None:
            fit_gpytorch_mll(ExactMarginalLogLikelihood(self._model.likelihood, self._model))
        else:
            own = self._model.outcome_transform.state_dict()
            # Copies: what is loaded next is written into the same tensors.
            transform = {name: value.clone() for name, value in own.items()}
            self._model.load_state_dict(like._model.state_dict())
            self._model.outcome_transform.load_state_dict(transform)
            self._model.eval()

    def mean(self, plans: Sequence[Plan]) -> Array:
        """Expected scores."""
        with torch.no_grad():
            return self._model.posterior(self._tensor(plans)).mean.squeeze(-1).numpy()

    def mean_and_sd(self, plans: Sequence[Plan]) -> tuple[Array, Array]:
        """Expected scores and the standard deviations of one measurement each."""
        with torch.no_grad():
            posterior = self._model.posterior(self._tensor(plans), observation_noise=True)
            return posterior.mean.squeeze(-1).numpy(), posterior.variance.sqrt().squeeze(-1).numpy()

    def log_improvement(self, plans: Sequence[Plan], best: float) -> Array:
        """BoTorch's LogEI over a score that is the best so far."""
        acquisition = LogExpectedImprovement(self._model, best_f=best)
        with torch.no_grad():
            return acquisition(self._tensor(plans).unsqueeze(1)).numpy()

    def knowledge(self, candidates: Sequence[Plan], plans: Sequence[Plan]) -> Array:
        """Knowledge gradient: how much the best expected plan's score rises once a candidate is measured.

        What BoTorch's one-shot function approximates by optimising fantasies; over a finite set of plans each fantasy's
        best plan is looked up. Fantasies are quantiles of the normal distribution.
        """
        with torch.no_grad():
            both = self._tensor([*plans, *candidates])
            posterior = self._model.posterior(both)
            mean = posterior.mean.squeeze(-1).numpy()[: len(plans)]
            covariance = posterior.distribution.covariance_matrix.numpy()
            noise = float(self._model.likelihood.noise.mean()) * self._scale() ** 2
        own = np.diag(covariance)[len(plans) :]
        moves = covariance[len(plans) :, : len(plans)] / np.sqrt(own + noise)[:, None]
        shares = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
        fantasies = torch.special.ndtri(torch.tensor(shares)).numpy()
        risen = [np.max(mean + move * fantasies[:, None], axis=1).mean() for move in moves]
        return np.array(risen) - mean.max()

    def _scale(self) -> float:
        """Standardised units into scores: the likelihood's noise is in the former."""
        return float(self._model.outcome_transform.stdvs)

    def _tensor(self, plans: Sequence[Plan]) -> torch.Tensor:
        return torch.tensor(self._coordinates(plans, fidelity=self._fidelity), dtype=torch.double)


def model_of(state: SearchState, fidelity: bool = False) -> Model:
    """The fit to what is known."""
    return _fitted(state.observations, state.space, fidelity)


@lru_cache(maxsize=8)
def _fitted(observations: tuple[Observation, ...], space: Space, fidelity: bool) -> Model:
    """All hyperparameters at every fourth observation, and at each of the first twelve: a fit takes half a second."""
    last = len(observations) if len(observations) <= _EACH else len(observations) // 4 * 4
    like = _fitted(observations[:last], space, fidelity) if last < len(observations) else None
    scored = [(seen.plan, seen.score) for seen in observations if seen.score is not None]
    plans, scores = [plan for plan, _ in scored], [score for _, score in scored]
    return Model(space, plans, scores, fidelity, like)
