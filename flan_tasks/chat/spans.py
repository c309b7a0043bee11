"""Which ids of a conversation a model learns to write: each answer with the token that ends it.

Three ways, each at the level of tokens: what stands between the template's generation tags; what
follows the prompt of inference, where that is how the whole begins; and what follows the header of
an answer, where the template writes older turns differently once others follow.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from flan_tasks.core.errors import ChatTemplateError

TAGS, PREFIXES, HEADERS = "generation tags", "prompts of inference", "headers of answers"

Ids = Sequence[int]
Span = tuple[int, int]


@dataclass(frozen=True)
class EncodedChat:
    """A conversation as ids."""

    ids: np.ndarray
    """int32[length]."""
    spans: tuple[Span, ...]
    """What is trained on, answer by answer: from the first id to the one after the stop token."""

    @property
    def mask(self) -> np.ndarray:
        """1 where an id is trained on: uint8[length]."""
        mask = np.zeros(len(self.ids), np.uint8)
        for start, stop in self.spans:
            mask[start:stop] = 1
        return mask


def by_edges(ids: Ids, edges: Sequence[Ids], stop: int) -> list[Span]:
    """Returns spans between generation tags.

    Args:
      ids: of the whole.
      edges: ids of the text up to where each tag opens or closes, in order.
      stop: the token that ends an answer.

    Raises:
      ChatTemplateError: a token reaches over an edge, or the tags leave the stop token out.
    """
    for number, edge in enumerate(edges):
        if not is_prefix(edge, ids):
            raise ChatTemplateError(
                f"answer {number // 2 + 1}: a token reaches over the edge of the generation tags"
            )
    spans = [(len(a), len(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    for number, (start, end) in enumerate(spans, start=1):
        if end == start or ids[end - 1] != stop:
            raise ChatTemplateError(
                f"answer {number}: what stands between the generation tags does not end with the "
                "stop token, so no model trained on it would stop"
            )
    return spans


def by_prompts(ids: Ids, prompts: Sequence[Sequence[Ids]], stop: int) -> list[Span]:
    """Returns spans behind prompts of inference.

    Args:
      ids: of the whole.
      prompts: of each answer the prompts it may be asked by, the better ones first.
      stop: the token that ends an answer.

    Raises:
      ChatTemplateError: the whole begins with none of the prompts of an answer, or it is not ended.
    """
    starts = []
    for number, several in enumerate(prompts, start=1):
        start = next((len(prompt) for prompt in several if is_prefix(prompt, ids)), None)
        if start is None:
            raise ChatTemplateError(
                f"answer {number}: the conversation does not begin with the ids of the prompt that "
                "asks for it"
            )
        starts.append(start)
    return list(_ended(ids, starts, stop))


def by_headers(ids: Ids, headers: Sequence[Ids], stop: int, answers: int) -> list[Span]:
    """Returns spans behind headers of answers.

    Args:
      ids: of the whole.
      headers: what may stand before an answer; the longest that fits does.
      stop: the token that ends an answer.
      answers: how many there are.

    Raises:
      ChatTemplateError: there are more or fewer headers, or an answer is not ended.
    """
    longest = sorted((tuple(header) for header in headers), key=len, reverse=True)
    firsts = {header[0] for header in longest}
    starts: list[int] = []
    place = 0
    while place < len(ids):
        size = 0
        if ids[place] in firsts:
            here = (len(h) for h in longest if tuple(ids[place : place + len(h)]) == h)
            size = next(here, 0)
        place += size or 1
        if size:
            starts.append(place)
    if len(starts) != answers:
        raise ChatTemplateError(f"{len(starts)} headers of answers stand in it for {answers}")
    return list(_ended(ids, starts, stop))


def _ended(ids: Ids, starts: Sequence[int], stop: int) -> Iterator[Span]:
    """Yields spans from their starts to the first stop token of each."""
    listed = list(ids)
    for number, start in enumerate(starts):
        following = starts[number + 1] if number + 1 < len(starts) else len(listed)
        try:
            end = listed.index(stop, start, following) + 1
        except ValueError:
            raise ChatTemplateError(f"answer {number + 1} is not ended by the stop token") from None
        yield start, end


def is_prefix(beginning: Ids, ids: Ids) -> bool:
    """Whether ids begin with others."""
    return len(beginning) <= len(ids) and list(ids[: len(beginning)]) == list(beginning)
