"""A shard of packed conversations: rows as turns, rendered, fitted, with their masks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from flan_tasks.chat.facts import (
    CUT,
    DROPPED,
    REFUSED,
    STOPS,
    TOKENS,
    TRAINED,
    TURNS,
    no_counts,
)
from flan_tasks.chat.spans import EncodedChat
from flan_tasks.chat.tokenizer import ChatTokenizer
from flan_tasks.core.errors import ChatTemplateError
from flan_tasks.core.messages import ASSISTANT, SYSTEM, USER
from flan_tasks.packing.chat_turns import ChatBudget, Turns, turns_of
from flan_tasks.packing.features import EXAMPLES, OFFSETS, STORED, TASKS
from flan_tasks.packing.packed_rows import (
    PackedShard,
    lay_out,
    segment_numbers,
    shuffled,
    task_type,
)
from flan_tasks.packing.packing import lower_bound, pack, simple_bound
from flan_tasks.plan.built_row import BuiltRow
from flan_tasks.plan.fitting import Fitted, FittingCounts, fit_rows
from flan_tasks.plan.plan import Plan
from flan_tasks.plan.rows import render_chunk
from flan_tasks.specs.formats import DECODER
from flan_tasks.vocabulary import Encoded
from flan_tasks.vocabulary.text_counts import PARTS, TextCounts

# Rows rendered at once.
_WINDOW = 4_096


@dataclass
class _Row:
    """A row on its way."""

    turns: Turns
    """What is rendered."""
    chat: EncodedChat | None = None
    """Its ids; None where it is left out."""
    reason: str = ""
    """Why the template does not take it; empty where it is too long."""
    whole: tuple[int, int] = (0, 0)
    """Tokens that are not trained and that are, nothing cut."""
    dropped: int = 0
    """Older turns that were left out."""


def _has_turns(row: BuiltRow) -> bool:
    """Whether a row is a conversation of its own, whose older turns may go."""
    return bool(row.turns or row.messages)


def chat_shard(
    plan: Plan, start: int, stop: int, *, chat: ChatTokenizer, lengths: Mapping[str, int]
) -> PackedShard:
    """Makes packed conversations of the plan's rows `start` to `stop`, as `packed_shard` does.

    Args:
      plan: the rows.
      start: first of them.
      stop: the row after the last.
      chat: renders them.
      lengths: longest prompt, longest answer with its stop token, and `row`.
    """
    budget = ChatBudget(chat.vocabulary, lengths["inputs"], chat)
    fitting = FittingCounts()
    names = [item.name for item in plan.ingredients]
    counts: dict[str, dict[str, Any]] = {}
    rows: list[BuiltRow] = []
    done: list[_Row] = []
    places: list[int] = []
    for first in range(start, stop, _WINDOW):
        rows_here = plan.rows(first, min(first + _WINDOW, stop))
        built = render_chunk(plan, rows_here, budget=budget)
        found, fitted = _encoded(built, budget, lengths)
        refused = {n for n, one in enumerate(found) if one.chat is None and one.reason}
        fitting.add([row.name for row in built], fitted, refused=refused)
        for number, (row, one) in enumerate(zip(built, found, strict=True)):
            _count(counts.setdefault(row.name, no_counts()), one, chat)
            if one.chat is not None:
                places.append(first + number)
                rows.append(fitted.rows.get(number, row))
                done.append(one)
    number_of = {name: number for number, name in enumerate(names)}
    task = np.asarray([number_of[row.name] for row in rows], np.int64)
    template = np.asarray(
        [plan.ingredients[n].templates.index(r.template) for n, r in zip(task, rows, strict=True)],
        np.int64,
    )
    chats = [one.chat for one in done if one.chat is not None]
    sizes = np.asarray([len(one.ids) for one in chats], np.int64).reshape(-1, 1)
    limits = [lengths["row"]]
    packing = shuffled(pack(sizes, limits), plan.seed, start)
    dtype = np.uint16 if chat.vocabulary.size <= 1 << 16 else np.uint32
    ids, mask = (_flat(parts, sizes[:, 0]) for parts in _both(chats))
    numbers = segment_numbers(packing)
    order, edges = packing.order, packing.offsets
    tokens, (segments,) = lay_out(ids, order, edges, limits[0], dtype, [numbers])
    trained, _ = lay_out(mask, order, edges, limits[0], np.uint8, [])
    prompts = sizes[:, 0] - [int(one.mask.sum()) for one in chats] - 1
    styles: dict[tuple[int, str], int] = {}
    for number, row in zip(task.tolist(), rows, strict=True) if plan.has_option_styles else ():
        key = number, row.option_style
        styles[key] = styles.get(key, 0) + 1
    return PackedShard(
        {
            **dict(zip(STORED[DECODER], (tokens, segments, trained), strict=True)),
            OFFSETS: packing.offsets,
            EXAMPLES: np.asarray(places, np.int64)[order],
            TASKS: task[order].astype(task_type(len(names))),
        },
        task,
        template,
        np.asarray([row.num_shots for row in rows], np.int64),
        Counter(styles),
        _text_counts(rows, done, chat, lengths),
        fitting,
        {"tokens": int(prompts.sum()), "longest": int(prompts.max(initial=0))},
        simple_bound(sizes, limits),
        lower_bound(sizes, limits),
        counts,
    )


def _encoded(
    built: Sequence[BuiltRow], budget: ChatBudget, lengths: Mapping[str, int]
) -> tuple[list[_Row], Fitted]:
    """Returns rows as ids, and which prompts were made to fit."""
    chat = budget.chat

    def rendered(several: Sequence[BuiltRow]) -> list[_Row]:
        made = [
            _Row(chat.prepared(turns_of(row, reasoning=chat.choices.reasoning))) for row in several
        ]
        for one, result in zip(made, chat.encode_each([o.turns for o in made]), strict=True):
            _take(one, result)
        return made

    found = rendered(built)
    over = [
        number
        for number, (row, one) in enumerate(zip(built, found, strict=True))
        if one.chat is not None and not _has_turns(row) and one.chat.spans[0][0] > lengths["inputs"]
    ]
    shorter = dict(zip(over, fit_rows([built[n] for n in over], budget), strict=True))
    again = {number: row for number, row in shorter.items() if row is not None}
    for number, one in zip(again, rendered(list(again.values())), strict=True):
        found[number] = replace(one, whole=found[number].whole)
    for number, row in shorter.items():
        if row is None:
            found[number].chat = None
    for row, one in zip(built, found, strict=True):
        if _has_turns(row):
            _without_older(one, chat, lengths)
        if one.chat is not None:
            one.chat = _cut(
                one.chat, None if _has_turns(row) else lengths["targets"], lengths["row"]
            )
    kept = np.asarray([n for n, one in enumerate(found) if one.chat is not None], np.int64)
    return found, Fitted(kept, [], _flat([], np.zeros(0, np.int64)), again)


def _take(one: _Row, result: EncodedChat | ChatTemplateError) -> None:
    """Takes the ids of a row, or why there are none."""
    if isinstance(result, ChatTemplateError):
        one.chat, one.reason = None, result.reason.rpartition("refuses the conversation: ")[2]
        return
    trained = int(result.mask.sum())
    one.chat, one.whole = result, (len(result.ids) - trained, trained)
    if trained in (0, len(result.ids)):
        one.chat, one.reason = None, f"{'no' if not trained else 'every'} token would be trained"


def _without_older(one: _Row, chat: ChatTokenizer, lengths: Mapping[str, int]) -> None:
    """Leaves out the oldest turns of a conversation until it fits, a question and what follows.

    What is asked last stays with its answer; where that does not fit, the row does not.
    """
    whole = one.whole
    while one.chat is not None and len(one.chat.ids) > lengths["row"]:
        first = 1 if one.turns[0].role == SYSTEM else 0
        asked = [n for n, turn in enumerate(one.turns) if turn.role == USER and n > first]
        answers = [n for n, turn in enumerate(one.turns) if turn.role == ASSISTANT]
        if not asked or asked[0] > answers[-1]:
            break
        one.dropped += asked[0] - first
        one.turns = (*one.turns[:first], *one.turns[asked[0] :])
        _take(one, chat.encode_each([one.turns])[0])
        one.whole = whole
    if one.chat is not None and len(one.chat.ids) > lengths["row"]:
        # One question is left, which has to leave room for its answer.
        if one.chat.spans[-1][0] > lengths["inputs"]:
            one.chat = None


def _cut(chat: EncodedChat, answer: int | None, row: int) -> EncodedChat:
    """Returns a conversation of at most `row` ids, its one answer of at most `answer`.

    An answer that is cut has no stop token: it does not teach to stop there.
    """
    end = len(chat.ids)
    if answer is not None and chat.spans[-1][1] - chat.spans[-1][0] > answer:
        end = chat.spans[-1][0] + answer
    end = min(end, row)
    if end == len(chat.ids):
        return chat
    spans = tuple((start, min(stop, end)) for start, stop in chat.spans if start < end)
    return EncodedChat(chat.ids[:end], spans)


def _count(counts: dict[str, Any], one: _Row, chat: ChatTokenizer) -> None:
    if one.chat is None:
        if one.reason:
            counts[REFUSED][one.reason] = counts[REFUSED].get(one.reason, 0) + 1
        return
    ids, mask = one.chat.ids, one.chat.mask
    stops = int((ids[mask > 0] == chat.stop_id).sum())
    answers = len(one.chat.spans)
    cut = sum(ids[stop - 1] != chat.stop_id for _, stop in one.chat.spans)
    # What is proved of conversations that are tried holds of every one that is written.
    if stops + cut != answers or not mask.any():
        raise ChatTemplateError(
            f"{chat.template.where}: {stops} stop tokens are trained for {answers} answers, of "
            f"which {cut} are cut"
        )
    for turn in one.turns:
        counts[TURNS][turn.role] += 1
    for name, count in (
        (TOKENS, len(ids)),
        (TRAINED, int(mask.sum())),
        (STOPS, stops),
        (CUT, int(cut)),
        (DROPPED, one.dropped),
    ):
        counts[name] += count


def _text_counts(
    rows: Sequence[BuiltRow], done: Sequence[_Row], chat: ChatTokenizer, lengths: Mapping[str, int]
) -> dict[str, TextCounts]:
    found = {}
    unknown = chat.vocabulary.unk_id
    for number, (part, roles) in enumerate(zip(PARTS, ((SYSTEM, USER), (ASSISTANT,)), strict=True)):
        texts = ["\n".join(t.content for t in one.turns if t.role in roles) for one in done]
        tokens = np.asarray([one.whole[number] - 1 for one in done], np.int64)
        # Lengths are those of one question and one answer: what is long for its turns is not cut.
        several = np.asarray([_has_turns(row) for row in rows], bool)
        short = np.asarray([not one.dropped for one in done], bool)
        tokens = np.where(several & short, np.minimum(tokens, lengths[part] - 1), tokens)
        lost = [
            0
            if unknown is None or one.chat is None
            else int(((one.chat.ids == unknown) & (one.chat.mask == number)).sum())
            for one in done
        ]
        found[part] = TextCounts(
            tokens,
            np.asarray(lost, np.int64),
            np.zeros(len(done), bool),
            chat.vocabulary.control_in(texts),
        )
    return found


def _both(chats: Sequence[EncodedChat]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    return [one.ids for one in chats], [one.mask for one in chats]


def _flat(parts: Sequence[np.ndarray], lengths: np.ndarray) -> Encoded:
    ids = np.concatenate([np.zeros(0, np.int32), *parts])
    nothing = np.zeros(len(lengths), np.int64)
    return Encoded(ids, lengths, lengths, nothing, nothing.astype(bool))
