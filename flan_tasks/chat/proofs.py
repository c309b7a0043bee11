"""What has to hold of a tokenizer and its chat template before anything is trained with them.

Each proof is tried with conversations that are the same for all (`probes`); those that the template
refuses are named. What trains on the wrong tokens fails here, and not after a week.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from flan_tasks.chat.probes import PROBES, Probe, talk
from flan_tasks.chat.spans import EncodedChat, is_prefix
from flan_tasks.chat.tokenizer import ChatTokenizer
from flan_tasks.core.errors import ChatTemplateError
from flan_tasks.core.messages import ASSISTANT, Message

# Control tokens that a conversation of look-alikes has in it; some tokenizers have hundreds.
_LOOK_ALIKES = 24
# A fault in words; nothing where there is none.
_Faults = Iterator[str]


@dataclass(frozen=True)
class Proof:
    """Something that has to hold, and whether it does."""

    name: str
    """In a word or two."""
    about: str
    """What has to hold."""
    tried: int
    """Conversations it was tried with."""
    fault: str = ""
    """Where it does not hold; empty where it does."""


@dataclass(frozen=True)
class ChatVerdict:
    """What came of all proofs."""

    proofs: Sequence[Proof]
    """The proofs."""
    refused: Mapping[str, str]
    """Conversations that the template refuses -> in which words."""
    notes: Sequence[str]
    """What a reader should know besides."""
    sample: str
    """A conversation, what is trained on between marks."""

    @property
    def holds(self) -> bool:
        """Whether all hold."""
        return not any(proof.fault for proof in self.proofs)

    @property
    def fault(self) -> str:
        """The first that does not hold, in a line."""
        return next((f"{one.name}: {one.fault}" for one in self.proofs if one.fault), "")


@dataclass(frozen=True)
class _Tried:
    """A probe as it was rendered."""

    probe: Probe
    turns: tuple[Message, ...]
    plain: str
    chat: EncodedChat

    @property
    def answers(self) -> list[int]:
        return [n for n, turn in enumerate(self.turns) if turn.role == ASSISTANT]


def prove(tokenizer: ChatTokenizer) -> ChatVerdict:
    """Tries everything with every probe."""
    refused: dict[str, str] = {}
    tried: list[_Tried] = []
    faults: list[str] = []
    for probe in PROBES:
        turns = tokenizer.prepared(probe.messages)
        try:
            plain = tokenizer.render(turns).plain
        except ChatTemplateError as error:
            refused[probe.name] = error.reason
            faults += [f"{probe.name}: {error.reason}"] if probe.is_needed else []
            continue
        try:
            tried.append(_Tried(probe, turns, plain, tokenizer.encode(turns)))
        except ChatTemplateError as error:
            faults.append(f"{probe.name}: {error.reason}")

    def proof(name: str, about: str, each: Callable[[_Tried, ChatTokenizer], _Faults]) -> Proof:
        found = (f"{one.probe.name}: {what}" for one in tried for what in each(one, tokenizer))
        return Proof(name, about, len(tried), next(found, ""))

    rendered = Proof(
        "spans", "each answer is found", len(tried) + len(faults), next(iter(faults), "")
    )
    proofs = [
        rendered,
        proof("ids", "the ids are those of the rendered text, nothing added", _ids),
        proof("start", "what is trained begins right after the prompt of inference", _start),
        proof("stop", "it ends with the stop token, as many as there are answers", _stop),
        proof("answer", "it is the answer, and nothing else", _answer),
        proof("mask", "some tokens are trained, and some are not", _mask),
        proof("BOS", "there is one at most", _bos),
        _look_alikes(tokenizer),
    ]
    return ChatVerdict(proofs, refused, list(_notes(tokenizer, tried)), _sample(tokenizer, tried))


def check(tokenizer: ChatTokenizer) -> ChatVerdict:
    """Tries everything, and returns what came of it if all holds.

    Raises:
      ChatTemplateError: something does not hold.
    """
    verdict = prove(tokenizer)
    if not verdict.holds:
        where = tokenizer.template.where
        raise ChatTemplateError(f"{where} fails a proof: {verdict.fault}", where=where)
    return verdict


def _ids(one: _Tried, tokenizer: ChatTokenizer) -> _Faults:
    (plain,) = tokenizer.vocabulary.encode_plain([one.plain])
    if plain != one.chat.ids.tolist():
        place = next(
            (
                n
                for n, pair in enumerate(zip(plain, one.chat.ids, strict=False))
                if len({*pair}) > 1
            ),
            min(len(plain), len(one.chat.ids)),
        )
        yield f"from id {place} on they differ from those of the rendered text"


def _start(one: _Tried, tokenizer: ChatTokenizer) -> _Faults:
    # As each answer is asked for: with the history alone that was there then.
    for number, answer in enumerate(one.answers, start=1):
        history, turn = one.turns[:answer], one.turns[answer]
        if not history:
            continue  # nobody asks for it
        try:
            prompt = tokenizer.prompt_ids(history, thinks=bool(turn.reasoning))
            chat = tokenizer.encode(one.turns[: answer + 1])
        except ChatTemplateError as error:
            yield f"answer {number} cannot be asked for: {error.reason}"
            continue
        ids, begin = chat.ids.tolist(), chat.spans[-1][0]
        if not is_prefix(prompt, ids):
            # Behind another answer, which some templates write otherwise once it is not the last.
            follows = history[-1].role == ASSISTANT
            if follows and tokenizer.header_of(prompt) == tokenizer.header_of(ids[:begin]):
                continue
            yield (
                f"answer {number}: with the answer the conversation begins with other ids than the "
                "prompt that asks for it"
            )
        elif begin != len(prompt):
            off = begin - len(prompt)
            yield f"answer {number} begins {abs(off)} ids {'after' if off > 0 else 'before'} it"


def _stop(one: _Tried, tokenizer: ChatTokenizer) -> _Faults:
    stops = 0
    for number, (start, end) in enumerate(one.chat.spans, start=1):
        ids = one.chat.ids[start:end].tolist()
        stops += ids.count(tokenizer.stop_id)
        if not ids or ids[-1] != tokenizer.stop_id:
            yield f"answer {number} does not end with {tokenizer.stop}"
    if stops != len(one.answers):
        yield f"{stops} stop tokens are trained for {len(one.answers)} answers"


def _answer(one: _Tried, tokenizer: ChatTokenizer) -> _Faults:
    pairs = zip(one.answers, one.chat.spans, strict=True)
    for number, (answer, (start, end)) in enumerate(pairs, start=1):
        turn = one.turns[answer]
        said = tokenizer.vocabulary.decode(one.chat.ids[start : end - 1].tolist()).strip()
        if not said.endswith(turn.content.strip()):
            yield f"answer {number} is {said!r} and should end with {turn.content.strip()!r}"
        elif not turn.reasoning and said != turn.content.strip():
            yield f"answer {number} is {said!r} and should be {turn.content.strip()!r}"


def _mask(one: _Tried, tokenizer: ChatTokenizer) -> _Faults:
    trained = int(one.chat.mask.sum())
    if trained in (0, len(one.chat.ids)):
        yield "no token is trained" if not trained else "every token is trained"


def _bos(one: _Tried, tokenizer: ChatTokenizer) -> _Faults:
    bos = _bos_id(tokenizer)
    if bos is not None and one.chat.ids.tolist().count(bos) > 1:
        yield f"{tokenizer.files.tokens.get('bos_token', bos)} stands in it more than once"


def _bos_id(tokenizer: ChatTokenizer) -> int | None:
    vocabulary = tokenizer.vocabulary
    token = tokenizer.files.tokens.get("bos_token", "")
    bos = vocabulary.controls.get(token, vocabulary.bos_id)
    # Of some, one token does everything, and ends every answer as well.
    return None if bos == tokenizer.stop_id else bos


def _look_alikes(tokenizer: ChatTokenizer) -> Proof:
    written = list(tokenizer.vocabulary.controls)[:_LOOK_ALIKES]
    proof = "look-alikes", "control tokens written in turns are text there"
    controls = set(tokenizer.vocabulary.controls.values())
    counts = []
    try:
        for filled in (" ".join(f"x{token}x" for token in written), "x"):
            turns = tokenizer.prepared(talk("ua", filled, filled))
            ids = tokenizer.encode(turns).ids.tolist()
            counts.append(sum(number in controls for number in ids))
            text = tokenizer.vocabulary.text(ids)
            if text.count(filled) < 2:
                return Proof(*proof, 1, "they are not whole in what is decoded again")
    except ChatTemplateError as error:
        return Proof(*proof, 1, error.reason)
    more = counts[0] - counts[1]
    return Proof(*proof, 1, f"{more} of them have become the tokens" if more else "")


def _notes(tokenizer: ChatTokenizer, tried: Sequence[_Tried]) -> Iterator[str]:
    ends = tokenizer.files.end_ids
    if ends and tokenizer.stop_id not in ends:
        yield (
            f"answers end with {tokenizer.stop} ({tokenizer.stop_id}), which is not among the "
            f"eos_token_id of generation_config.json ({', '.join(map(str, ends))}): whoever "
            "generates must be told"
        )
    if tokenizer.writes_date:
        yield f"the template writes the date; it is pinned to {tokenizer.choices.date}"
    older = [one.probe.name for one in tried if _rewrites(one, tokenizer)]
    if older:
        yield (
            "older answers stand in a conversation otherwise than they were asked for, as the "
            f"template rewrites what is past: {', '.join(older)}"
        )


def _rewrites(one: _Tried, tokenizer: ChatTokenizer) -> bool:
    """Whether an older answer has another beginning in the whole than when it was asked for."""
    ids = one.chat.ids.tolist()
    for answer, (start, _) in zip(one.answers[:-1], one.chat.spans, strict=False):
        if answer:
            turn = one.turns[answer]
            prompt = tokenizer.prompt_ids(one.turns[:answer], thinks=bool(turn.reasoning))
            if len(prompt) != start or not is_prefix(prompt, ids):
                return True
            if turn.reasoning and turn.reasoning not in one.plain:
                return True
    return False


def _sample(tokenizer: ChatTokenizer, tried: Sequence[_Tried]) -> str:
    for one in tried[1:2] or tried:
        return marked(tokenizer, one.chat)
    return ""


def marked(tokenizer: ChatTokenizer, chat: EncodedChat) -> str:
    """Returns a conversation as text, what is trained on between ⟦ and ⟧."""
    pieces: list[str] = []
    place = 0
    for start, end in chat.spans:
        pieces += (_text(tokenizer, chat, place, start), "⟦")
        pieces += (_text(tokenizer, chat, start, end), "⟧")
        place = end
    return "".join((*pieces, _text(tokenizer, chat, place, len(chat.ids))))


def _text(tokenizer: ChatTokenizer, chat: EncodedChat, start: int, end: int) -> str:
    return tokenizer.vocabulary.text(chat.ids[start:end].tolist())
