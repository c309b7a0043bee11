"""Chain of thought: a question whose answer is written out with the reasoning that leads to it.

The nine sets of the Flan Collection (Longpre et al. 2023). Seven are read as it published them,
tab-separated files of question, answer and chain, in which `\\n` stands for a line end and options
stand in the question: the normalizers take these apart. GSM8K, e-SNLI and QED are read at their
source. Every example has its reasoning in `rationale`; targets give it first and end in the answer,
so that a score can read the answer behind it.
"""

import re
from typing import Any

from flan_tasks.core.dataset import Dataset, Normalized, Row
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.origin import Alternative, HuggingFace, Tfds
from flan_tasks.core.splits import Splits
from flan_tasks.datasets._chain_of_thought_at_source import (  # noqa: F401 - for the catalog
    ESNLI,
    GSM8K,
    QED,
)
from flan_tasks.datasets._needs_options import answers_with_options, asks_among_options
from flan_tasks.datasets._reasoning import (
    COLLECTION,
    HEADER,
    SCHEMA,
    YES_OR_NO,
    as_published,
    published,
    reasoned,
    taken_apart,
    unfolded,
    whole_sentences,
)
from flan_tasks.repairs.blanks import one_line
from flan_tasks.repairs.marks import joined_marks


def _chosen(row: Row, *, rationale: str) -> Normalized:
    """A question with lettered or listed options; the answer becomes the option's own text."""
    question, options = taken_apart(row["question"])
    if len(options) < 2:
        return Skip("options that cannot be told apart")
    answer = one_line(row["answer"])
    texts = tuple(text for _, text in options)
    right = dict(options).get(answer.strip("()")) if answer not in texts else answer
    if right is None:
        return Skip("an answer that is no option")
    # "... = 3!4!/6! = 1/5", and the answer given is 1/9.
    ends_in = rationale.rpartition("=")[2].strip(" .")
    if ends_in != right and ends_in in texts:
        return Skip("reasoning that ends in another option")
    return reasoned(
        fields={"question": question},
        rationale=rationale,
        answer=right,
        options=texts,
    )


# "determined that.Out of": sentences were joined without a blank.
_JOINT = re.compile(r"(?<=[a-z]{2}[.!?])(?=[A-Z][a-z])")


def _strategyqa(row: Row) -> Normalized:
    """Asks a yes-or-no question that takes several steps; parts sentences run together."""
    answer = one_line(row["answer"]).lower()
    if answer not in YES_OR_NO:
        return Skip("an answer that is no option")
    return reasoned(
        fields={"question": joined_marks(one_line(row["question"]))},
        rationale=_JOINT.sub(" ", whole_sentences(row["chain"])),
        answer=answer,
        options=YES_OR_NO,
    )


def _strategyqa_from_hub(row: dict[str, Any]) -> Row:
    facts = row["facts"]
    chain = facts if isinstance(facts, str) else " ".join(facts)
    return as_published(row["question"], {}, "yes" if row["answer"] else "no", chain)


STRATEGYQA = Dataset(
    name="strategyqa",
    source=published("strategyqa"),
    splits=Splits.carved(validation=100, test=200),
    schema=SCHEMA,
    fields=("question", "rationale"),
    rationale="rationale",
    keep="whole",
    options=YES_OR_NO,
    normalize=_strategyqa,
    metrics=("option_after_reasoning",),
    size={"train": 2061},
    license="MIT",
    citation=(
        "Geva et al. 2021, Did Aristotle Use a Laptop? A Question Answering Benchmark with "
        f"Implicit Reasoning Strategies; {COLLECTION}"
    ),
    alternatives=(Alternative(HuggingFace("ChilleD/StrategyQA"), adapt=_strategyqa_from_hub),),
    collection="flan2022",
)


# The claim stands in quotation marks on a line of its own, or behind "Claim:".
_CLAIM = re.compile(r'^(?:Claim:\s*)?"(.+)"$', re.MULTILINE)


def _creak(row: Row) -> Normalized:
    """Asks whether a claim about an entity is true; takes it out of the question put about it."""
    question, _ = taken_apart(row["question"])
    claims = _CLAIM.findall(question)
    if len(claims) != 1:
        return Skip("a claim that cannot be told from the question")
    answer = one_line(row["answer"]).lower()
    if answer not in YES_OR_NO:
        return Skip("an answer that is no option")
    return reasoned(
        fields={"claim": whole_sentences(one_line(claims[0]))},
        rationale=whole_sentences(row["chain"]),
        answer=answer,
        options=YES_OR_NO,
    )


def _creak_from_hub(row: dict[str, Any]) -> Row:
    answer = "yes" if row["label"] in ("true", True) else "no"
    return {"question": f'"{row["sentence"]}"', "answer": answer, "chain": row["explanation"]}


CREAK = Dataset(
    name="creak",
    source=published("creak"),
    splits=Splits.carved(validation=200, test=500),
    schema=SCHEMA,
    fields=("claim", "rationale"),
    rationale="rationale",
    keep="whole",
    options=YES_OR_NO,
    normalize=_creak,
    metrics=("option_after_reasoning",),
    size={"train": 6915},
    license="MIT",
    citation=(
        "Onoe et al. 2021, CREAK: A Dataset for Commonsense Reasoning over Entity Knowledge; "
        f"{COLLECTION}"
    ),
    alternatives=(Alternative(HuggingFace("amydeng2000/CREAK"), adapt=_creak_from_hub),),
    collection="flan2022",
)


def _qasc(row: Row) -> Normalized:
    """Asks school science with eight options, answered by joining two facts."""
    return _chosen(row, rationale=whole_sentences(row["chain"]))


def _qasc_from_tfds(row: dict[str, Any]) -> Row:
    facts = (row["fact1"], row["fact2"], row["combinedfact"])
    chain = " ".join(f"{one_line(fact).rstrip('.').capitalize()}." for fact in facts if fact)
    options = dict(zip(row["choices"]["label"], row["choices"]["text"], strict=True))
    return as_published(row["question"], options, f"({row['answerKey']})", chain)


QASC = Dataset(
    name="qasc",
    source=published("qasc"),
    splits=Splits.carved(validation=50, test=100),
    schema=SCHEMA,
    fields=("question", "rationale"),
    rationale="rationale",
    keep="whole",
    options_per_example=True,
    needs_options=asks_among_options,
    normalize=_qasc,
    metrics=("option_after_reasoning",),
    size={"train": 1084},
    license="CC-BY-4.0",
    citation=(
        "Khot et al. 2020, QASC: A Dataset for Question Answering via Sentence Composition; "
        f"{COLLECTION}"
    ),
    alternatives=(Alternative(Tfds("qasc:0.1.0"), adapt=_qasc_from_tfds),),
    collection="flan2022",
)


def _ecqa(row: Row) -> Normalized:
    """Asks what everyone knows, with five options and facts that lead to the right one."""
    return _chosen(row, rationale=whole_sentences(row["chain"]))


def _ecqa_from_hub(row: dict[str, Any]) -> Row:
    options = {chr(ord("A") + place): row[f"q_op{place + 1}"] for place in range(5)}
    right = next((f"({letter})" for letter, text in options.items() if text == row["q_ans"]), "")
    return as_published(row["q_text"], options, right, row["taskB"])


ECQA = Dataset(
    name="ecqa",
    source=published("ecqa"),
    splits=Splits.carved(validation=200, test=500),
    schema=SCHEMA,
    fields=("question", "rationale"),
    rationale="rationale",
    keep="whole",
    options_per_example=True,
    needs_options=asks_among_options,
    normalize=_ecqa,
    metrics=("option_after_reasoning",),
    size={"train": 7112},
    license="CDLA-Sharing-1.0",
    citation=(
        "Aggarwal et al. 2021, Explanations for CommonsenseQA: New Dataset and Models; Talmor et "
        f"al. 2019, CommonsenseQA; {COLLECTION}"
    ),
    alternatives=(Alternative(HuggingFace("yangdong/ecqa"), adapt=_ecqa_from_hub),),
    collection="flan2022",
)


_TWO_SENTENCES = re.compile(r'-\s*Sentence ([AB]):\s*"?(.+?)"?\s*')


def _sensemaking(row: Row) -> Normalized:
    """Asks which of two sentences is against common sense, and why."""
    _, header, below = unfolded(row["question"]).partition(f"\n{HEADER}\n")
    lines = [line.strip() for line in below.split("\n") if line.strip()]
    read = [_TWO_SENTENCES.fullmatch(line) for line in lines]
    sentences = {f"Sentence {one[1]}": joined_marks(one_line(one[2])) for one in read if one}
    if not header or len(read) != 2 or len(sentences) != 2:
        return Skip("sentences that cannot be told apart")
    answer = one_line(row["answer"])
    if answer not in sentences:
        return Skip("an answer that is no option")
    first, second = sentences.values()
    senseless = sentences[answer]
    return reasoned(
        fields={
            "first": first,
            "second": second,
            "sensible": second if senseless == first else first,
        },
        rationale=whole_sentences(row["chain"]),
        answer=senseless,
        options=(first, second),
    )


SENSEMAKING = Dataset(
    name="sensemaking",
    source=published("sensemaking"),
    splits=Splits.carved(validation=200, test=500),
    schema=SCHEMA,
    fields=("first", "second", "sensible", "rationale"),
    rationale="rationale",
    keep="whole",
    options_per_example=True,
    normalize=_sensemaking,
    metrics=("option_after_reasoning",),
    size={"train": 6070},
    license="CC-BY-SA-4.0",
    citation=(
        "Wang et al. 2019, Does it Make Sense? And Why? A Pilot Study for Sense Making and "
        f"Explanation; {COLLECTION}"
    ),
    collection="flan2022",
)


# "Answer: C", "ANS:B", "So the correct option is (D)": letters mean nothing to who sees none.
_ENDS_IN_LETTER = re.compile(
    r"[\s.,;]*(?:\b(?:so|hence|thus|therefore),?\s+)?(?:\bthe\s+)?(?:\bcorrect\s+)?"
    r"\b(?:answer|ans|option|choice)\b(?:\s+(?:is|option|choice))*\s*[.:=–-]*\s*"
    r"(?:option\s+)?\(?[A-E]\)?[\s.!]*$",
    re.IGNORECASE,
)
# A mark for "therefore" that was lost: "\\ Speed = 100 km/hr".
_STRAY_START = re.compile(r"^\\ ", re.MULTILINE)
# "Answer C) 9600 yards need": it begins with it.
_BEGINS_WITH_LETTER = re.compile(
    r"\A\s*(?:the\s+)?(?:correct\s+)?(?:answer|ans)\b(?:\s+is)?\s*[.:=–-]*\s*\(?[A-E][).:]\s*(?=\S)",
    re.IGNORECASE,
)


def _aqua(row: Row) -> Normalized:
    """Asks a problem of algebra with five options; drops letters of options from its reasoning."""
    chain = _BEGINS_WITH_LETTER.sub("", _STRAY_START.sub("", unfolded(row["chain"])))
    item = _chosen(row, rationale=whole_sentences(_ENDS_IN_LETTER.sub("", chain)))
    # No working comes out at "None of these".
    if isinstance(item, Example) and answers_with_options(item):
        return Skip("an answer that speaks of the options")
    return item


def _aqua_from_hub(row: dict[str, Any]) -> Row:
    options = dict(re.split(r"\)", text, maxsplit=1) for text in row["options"])
    return as_published(row["question"], options, f"({row['correct']})", row["rationale"])


AQUA = Dataset(
    name="aqua",
    source=published("aqua"),
    splits=Splits.carved(validation=100, test=200),
    schema=SCHEMA,
    fields=("question", "rationale"),
    rationale="rationale",
    keep="whole",
    options_per_example=True,
    needs_options=asks_among_options,
    normalize=_aqua,
    metrics=("option_after_reasoning",),
    size={"train": 2728},
    license="Apache-2.0",
    citation=(
        "Ling et al. 2017, Program Induction by Rationale Generation: Learning to Solve and "
        f"Explain Algebraic Word Problems; {COLLECTION}"
    ),
    alternatives=(Alternative(HuggingFace("deepmind/aqua_rat", "raw"), adapt=_aqua_from_hub),),
    collection="flan2022",
)
