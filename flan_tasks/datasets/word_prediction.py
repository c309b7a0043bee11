"""Word prediction: which word does a passage end in?

LAMBADA's passages come from novels and are chosen so that their last word can be told from the
whole passage, and hardly from its last sentence. Their text is tokenized: normalizers undo that.
"""

from flan_tasks.core.dataset import Dataset, Normalized, Row
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.origin import Tfds
from flan_tasks.core.splits import Splits
from flan_tasks.repairs.blanks import one_line
from flan_tasks.repairs.tokenizing import detokenize


def _lambada(row: Row) -> Normalized:
    """Asks for the last word of a passage from a novel; undoes its tokenizing."""
    passage, _, word = one_line(row["passage"]).rpartition(" ")
    if not passage:
        return Skip("one word")
    if not any(letter.isalnum() for letter in word):
        return Skip("a mark at the end")
    return Example(fields={"passage": detokenize(passage)}, answer=word)


LAMBADA = Dataset(
    name="lambada",
    source=Tfds("lambada:1.0.0"),
    splits=Splits.validation_from_train(200, test="test"),
    schema={"passage": str},
    fields=("passage",),
    keep="end",
    normalize=_lambada,
    metrics=("accuracy",),
    size={"train": 4869, "test": 5153},
    license="CC-BY-4.0",
    citation=(
        "Paperno et al. 2016, The LAMBADA Dataset: Word Prediction Requiring a Broad Discourse "
        "Context"
    ),
    collection="flan2022",
)
