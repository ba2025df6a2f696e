"""Cost items: one file each, registered in the order in which their money is spent."""

from raydoa.costs.items.item import ITEMS, CostItem
from raydoa.costs.items.labels import Labels
from raydoa.costs.items.llm_labels import LlmLabels
from raydoa.costs.items.pseudo_labels import PseudoLabels
from raydoa.costs.items.student import Student
from raydoa.costs.items.teacher import Teacher

for _item in (Labels(), LlmLabels(), Teacher(), PseudoLabels(), Student()):
    ITEMS.register(_item)

__all__ = ["ITEMS", "CostItem"]
