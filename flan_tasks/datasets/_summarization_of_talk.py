"""Summarization of spoken dialog: DialogSum, which stands beside the 62."""

import re

from flan_tasks.core.dataset import Dataset, Normalized, Row
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.origin import Alternative, Files, HuggingFace
from flan_tasks.core.splits import Splits
from flan_tasks.repairs.blanks import one_line, tidy
from flan_tasks.repairs.marks import joined_marks

_SPEAKER = re.compile(r"#Person(\d+)#")
# Other tags stand for names, places and the like that were made anonymous: "#CarNumber#".
_TAG = re.compile(r"#([A-Z][A-Za-z]*?)(\d*)#")
_WORDS_OF_TAG = re.compile(r"(?<=[a-z])(?=[A-Z])")
# "I ' Ve been", "haven ' t".
_APART = re.compile(r"(?i)(?<=[a-z]) ' (s|t|m|d|re|ve|ll)\b(?! ')")


def _dialogsum(row: Row) -> Normalized:
    """Asks for the gist of a talk between two; names speakers plainly, joins parted apostrophes."""
    written = [row[name] for name in ("summary", "summary1", "summary2", "summary3")]
    summaries = tuple(dict.fromkeys(text for one in written if (text := _spoken(one or ""))))
    dialogue = joined_marks(tidy(_named(row["dialogue"])))
    if not dialogue:
        return Skip("no text")
    if not summaries:
        return Skip("no summary")
    return Example(fields={"dialogue": dialogue}, answer=summaries[0], references=summaries)


def _spoken(text: str) -> str:
    return joined_marks(one_line(_named(text)))


def _named(text: str) -> str:
    text = _SPEAKER.sub(r"Person \1", text)
    text = _TAG.sub(lambda match: f"[{_WORDS_OF_TAG.sub(' ', match[1]).lower()}]", text)
    return _APART.sub(lambda match: f"'{match[1].lower()}", text)


DIALOGSUM = Dataset(
    name="dialogsum",
    source=HuggingFace("knkarthick/dialogsum"),
    splits=Splits.given(),
    schema={
        "dialogue": str,
        **dict.fromkeys(("summary", "summary1", "summary2", "summary3"), str | None),
    },
    fields=("dialogue",),
    normalize=_dialogsum,
    metrics=("rouge",),
    size={"train": 12_460, "validation": 500, "test": 1500},
    license="CC-BY-NC-SA-4.0",
    citation="Chen et al. 2021, DialogSum: A Real-Life Scenario Dialogue Summarization Dataset",
    alternatives=(
        Alternative(
            Files(
                {
                    "train": "dialogsum.train.jsonl",
                    "validation": "dialogsum.dev.jsonl",
                    "test": "dialogsum.test.jsonl",
                },
                manual=(
                    "Fetch DialogSum_Data/*.jsonl from https://github.com/cylnlp/dialogsum and "
                    "name their folder with --data-dir"
                ),
            ),
            tested=True,
        ),
    ),
)
