"""Section 5 of "Distill or Annotate?" (arXiv 2305.01645): labels from GPT-3 against bought ones and against distilling."""

from raydoa.experiment.config import Grid
from raydoa.experiment.configuration import Configuration
from raydoa.experiment.presets.paper import paper


def paper_llm() -> Configuration:
    """The paper's budgets, N, largest teacher and student; GPT-3 at its price of 2023, shown 32 labels.

    U is what those budgets pay for: shown 32 labels, GPT-3 likely costs 2 to 8 cents a row of the six tasks, and at most 10
    to 33 where its prompts are counted in bytes.
    """
    base = paper()
    changed = {
        "strategies": ("annotate", "distill", "llm_annotate"),
        "u": (500, 1000, 5000, 10_000),
        "teachers": ("google/t5-v1_1-xxl",),
        "llms": ("gpt3-davinci",),
        "shots": (32,),
    }
    grid = Grid.model_validate(base.sweep.grid.model_dump() | changed)
    sweep = base.sweep.model_copy(update={"name": "paper-llm", "grid": grid})
    return base.model_copy(update={"sweep": sweep})
