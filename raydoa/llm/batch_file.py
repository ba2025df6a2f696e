"""The files of a batch's requests: a line of JSON each, no more than a batch takes."""

from collections.abc import Iterable, Iterator

from raydoa.llm.answer import Request
from raydoa.llm.client import to_json

CHAT = "/v1/chat/completions"
"""What each line asks, whatever the base URL is."""

MOST_CALLS = 50_000
MOST_BYTES = 200_000_000
"""Of one batch, by OpenAI's limits."""


def parts(requests: Iterable[Request]) -> Iterator[dict[str, tuple[Request, bytes]]]:
    """Yield what fits into a batch each, with its lines of a file."""
    part: dict[str, tuple[Request, bytes]] = {}
    size = 0
    for request in requests:
        body = {"custom_id": request.key, "method": "POST", "url": CHAT, "body": request.body}
        line = to_json(body) + b"\n"
        if part and (len(part) == MOST_CALLS or size + len(line) > MOST_BYTES):
            yield part
            part, size = {}, 0
        part[request.key] = request, line
        size += len(line)
    if part:
        yield part
