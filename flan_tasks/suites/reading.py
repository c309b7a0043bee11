"""What a model wrote, to the answer that is compared."""

import re
from dataclasses import replace

from flan_tasks.evaluation.records import Record
from flan_tasks.suites.declared import Reading


def read_record(record: Record, stops: tuple[str, ...], reading: Reading) -> Record:
    """Returns a record with the answer alone as its text, and what is right folded alike."""
    answer = read_answer(cut_at_stops(record.text, stops), reading)
    gold = record.prompt.gold
    references = tuple(folded(text, reading) for text in gold.references)
    gold = replace(gold, answer=folded(gold.answer, reading), references=references)
    return replace(record, text=answer, prompt=replace(record.prompt, gold=gold))


def cut_at_stops(text: str, stops: tuple[str, ...]) -> str:
    """Returns what stands before the first stop string."""
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    return text[: min(places)] if places else text


def read_answer(text: str, reading: Reading) -> str:
    """Returns the answer in a text; "" where there is none, which is wrong everywhere."""
    if reading.after:
        _, mark, text = text.rpartition(reading.after)
        if not mark:
            return ""
    if reading.pattern:
        matches = re.finditer(reading.pattern, text)
        texts = [next((g for g in match.groups() if g), match[0]) for match in matches]
        if not texts:
            return ""
        text = texts[0 if reading.which == "first" else -1]
    if not reading.keep_blanks:
        text = text.strip()
    if reading.drop_period:
        text = text.removesuffix(".").rstrip()
    return folded(text, reading)


def folded(text: str, reading: Reading) -> str:
    """Returns an answer, or what is right, without what does not count."""
    for pattern in reading.ignore:
        text = re.sub(pattern, "", text)
    text = text.casefold() if reading.ignore_case else text
    return text if reading.keep_blanks else text.strip()
