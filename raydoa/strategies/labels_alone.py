"""Labels without a teacher: the plan that buys some and trains the student on all, and how many a budget pays for."""

from raydoa.costs.plan import Plan
from raydoa.costs.question import Question
from raydoa.costs.tariffs import largest


def paid_labels(question: Question, budget_micro_usd: int) -> int:
    """The most labels that a budget pays for after the student's training on all, were there rows without end."""
    most = question.tariff("labels", ()).affordable(budget_micro_usd)

    def affordable(labels: int) -> bool:
        return question.cost_micro_usd(annotated(question, labels)) <= budget_micro_usd

    return largest(0, most, affordable)


def annotated(question: Question, labels: int) -> Plan:
    """The plan that buys so many labels and trains the student on all."""
    plan = question.plan(labels=labels)
    return plan.with_quantities(student=question.limits("student", plan)[1])
