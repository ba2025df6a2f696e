"""How asking an LLM goes: told to the run's progress on a cluster, and to the log in a process that works alone."""

import logging
import time

from raydoa.llm.answer import Answer
from raydoa.llm.in_use import Doors
from raydoa.llm.spec import LlmSpec
from raydoa.money import shown_usd

logger = logging.getLogger(__name__)

_EVERY_SECONDS = 2.0


class AskingProgress:
    """Counts the answers to so many calls that are ``wanted``; ``doors`` as in `Doors`."""

    def __init__(self, llm: LlmSpec, wanted: int, doors: Doors | None) -> None:
        self._llm, self._wanted, self._doors = llm, wanted, doors
        self._answered = self._micro_usd = 0
        self._last = self._began = time.monotonic()
        self._said = 0, 0
        if doors is not None:
            doors.count(llm, wanted=wanted)

    def told(self, answer: Answer) -> None:
        """One more answer."""
        self._answered += 1
        self._micro_usd += answer.micro_usd
        if time.monotonic() - self._last >= _EVERY_SECONDS:
            self._say()

    def end(self) -> None:
        """No more will come."""
        self._say()
        if self._doors is not None:
            self._doors.count(self._llm, wanted=self._answered - self._wanted)

    def _say(self) -> None:
        self._last = time.monotonic()
        answered, micro_usd = self._said
        self._said = self._answered, self._micro_usd
        if self._doors is not None:
            answered, micro_usd = self._answered - answered, self._micro_usd - micro_usd
            self._doors.count(self._llm, answered=answered, micro_usd=micro_usd)
            return
        logger.info(
            "LLM %s: %d of %d calls answered, %s%s",
            self._llm.name, self._answered, self._wanted, shown_usd(self._micro_usd), self._time_left(),
        )  # fmt: skip

    def _time_left(self) -> str:
        """At the pace so far, once all that are asked at a time had an answer: the first ones tell how long one takes."""
        if self._answered < min(self._wanted, self._llm.limits.in_flight):
            return ""
        left = self._wanted - self._answered
        return f"; about {left * (self._last - self._began) / max(1, self._answered):.0f} s left"
