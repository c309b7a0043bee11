"""Natural language inference: does a text follow from another?

All answers speak of what follows, not of what is true. Label numbers are the source's own and
differ from set to set, so every dataset states the names behind its numbers in `labels`.
"""

from flan_tasks.core.dataset import Dataset, Normalized, Row
from flan_tasks.core.example import Example, Skip
from flan_tasks.core.origin import Alternative, HuggingFace, Tfds
from flan_tasks.core.splits import Splits

_PAIR = {"premise": str, "hypothesis": str, "label": int}


def _rte(row: Row) -> Normalized:
    """Asks whether a hypothesis follows from a short news text."""
    if row["label"] < 0:
        return Skip("no gold label")
    return Example(
        fields={"premise": row["premise"], "hypothesis": row["hypothesis"]},
        options=RTE.options,
        answer=("yes", "no")[row["label"]],
    )


RTE = Dataset(
    name="rte",
    source=Tfds("super_glue/rte:1.0.2"),
    splits=Splits.validation_from_train(200),
    schema=_PAIR,
    labels={"label": ("entailment", "not_entailment")},
    fields=("premise", "hypothesis"),
    options=("yes", "no"),
    normalize=_rte,
    metrics=("accuracy",),
    size={"train": 2490, "validation": 277, "test": 3000},
    license="not stated by the source (research use)",
    citation=(
        "Dagan et al. 2005, The PASCAL Recognising Textual Entailment Challenge; "
        "Wang et al. 2019, SuperGLUE"
    ),
    alternatives=(Alternative(HuggingFace("aps/super_glue", "rte")),),
)
