"""Our metrics and t5's on the same golds and predictions; run by compare_t5.sh."""

import random
import sys
from dataclasses import replace

from t5.evaluation import metrics as t5

from flan_tasks.metrics.by_name import metric
from flan_tasks.metrics.gold import Gold

WORDS = "the a cat dog sat ran on under red blue mat house 1969 Paris , . !".split()
TOLERANCE = 0.01
# t5 reports the middle of bootstrap samples drawn without a seed, not the mean itself.
ROUGE_TOLERANCE = 0.5


def text(draw: random.Random, longest: int) -> str:
    return " ".join(draw.choices(WORDS, k=draw.randint(1, longest)))


def plain(answer: str) -> str:
    return answer.replace("!", ",").removesuffix(" .") or "the"


def golds(draw: random.Random, count: int, *, longest: int, references: int) -> list[Gold]:
    made = []
    for number in range(count):
        answers = tuple(text(draw, longest) for _ in range(references))
        made.append(Gold(answers[0], answers, key=str(number)))
    return made


def labels(draw: random.Random, options: tuple[str, ...], count: int) -> list[Gold]:
    answers = draw.choices(options, k=count)
    return [Gold(a, (a,), options, key=str(i)) for i, a in enumerate(answers)]


def compare(
    name: str, ours: dict, theirs: dict, keys: dict[str, str], *, tolerance: float = TOLERANCE
) -> bool:
    """Prints pairs of numbers; returns whether they agree."""
    agree = True
    for mine, other in keys.items():
        a, b = ours[mine], theirs[other]
        agree &= abs(a - b) <= tolerance
        print(f"{name:12s} {mine:10s} ours {a:9.4f}  t5 {b:9.4f}  difference {a - b:+.4f}")
    return agree


def explain(draw: random.Random) -> None:
    """Prints where the two differ by definition; these pairs are not asked to agree."""
    print("different by definition:")
    options = ("no", "yes")
    found = labels(draw, options, 300)
    said = draw.choices([*options, "perhaps"], k=300)
    numbers = [
        [{"no": 0, "yes": 1}.get(one, -1) for one in side]
        for side in ([gold.answer for gold in found], said)
    ]
    print(
        "- t5 takes an answer that is no option for the wrong one, so for a yes where no is right"
    )
    compare("f1", metric("f1")(found, said), t5.f1_score_with_invalid(*numbers), {"f1": "f1"})
    found = golds(draw, 200, longest=5, references=3)
    said = [draw.choice([text(draw, 5), *gold.references]) for gold in found]
    print("- t5 takes the best of CoQA's references, its script leaves each out once")
    theirs = t5.coqa_f1([list(gold.references) for gold in found], said)
    compare("coqa", metric("coqa")(found, said), theirs, {"f1": "f1"})
    found = golds(draw, 60, longest=20, references=1)
    said = [text(draw, 20) for _ in found]
    print("- t5 counts words of difference, we letters as a share of the answer")
    ours = metric("edit_distance")(found, said)
    compare(
        "edit_distance",
        ours,
        t5.edit_distance([gold.answer for gold in found], said),
        {"edit_distance": "mean_edit"},
    )


def main() -> int:
    draw = random.Random(0)
    agree = True

    found = golds(draw, 200, longest=5, references=3)
    said = [draw.choice([text(draw, 5), *gold.references]) for gold in found]
    theirs = t5.squad([list(gold.references) for gold in found], said)
    agree &= compare("squad", metric("squad")(found, said), theirs, {"em": "em", "f1": "f1"})

    theirs = t5.trivia_qa([list(gold.references) for gold in found], said)
    agree &= compare(
        "trivia_qa", metric("trivia_qa")(found, said), theirs, {"em": "em", "f1": "f1"}
    )

    # One reference: with several t5 takes the best, and the script of CoQA leaves each out once.
    found = golds(draw, 200, longest=5, references=1)
    said = [draw.choice([text(draw, 5), *gold.references]) for gold in found]
    theirs = t5.coqa_f1([list(gold.references) for gold in found], said)
    agree &= compare("coqa", metric("coqa")(found, said), theirs, {"f1": "f1"})

    # t5 ends a sentence for rougeLsum at " . " alone; ours also at other ends, so none are here.
    found = golds(draw, 60, longest=20, references=1)
    found = [Gold(plain(g.answer), (plain(g.answer),), key=g.key) for g in found]
    said = [plain(text(draw, 20)) for _ in found]
    theirs = t5.rouge([gold.answer for gold in found], said)
    keys = {name: name for name in ("rouge1", "rouge2", "rougeLsum")}
    agree &= compare("rouge", metric("rouge")(found, said), theirs, keys, tolerance=ROUGE_TOLERANCE)

    theirs = t5.bleu([gold.answer for gold in found], said)
    agree &= compare("bleu", metric("bleu")(found, said), theirs, {"bleu": "bleu"})

    options = ("yes", "no", "maybe")
    found = labels(draw, options, 300)
    said = draw.choices(options, k=300)
    numbers = [options.index(g.answer) for g in found], [options.index(s) for s in said]
    theirs = t5.accuracy(*numbers)
    agree &= compare("accuracy", metric("accuracy")(found, said), theirs, {"accuracy": "accuracy"})
    theirs = t5.mean_multiclass_f1(num_classes=3)(*numbers)
    agree &= compare(
        "macro_f1", metric("macro_f1")(found, said), theirs, {"macro_f1": "mean_3class_f1"}
    )

    options = ("no", "yes")
    found = labels(draw, options, 300)
    said = draw.choices(options, k=300)
    numbers = [options.index(g.answer) for g in found], [options.index(s) for s in said]
    theirs = t5.f1_score_with_invalid(*numbers)
    agree &= compare("f1", metric("f1")(found, said), theirs, {"f1": "f1"})
    groups = [draw.randrange(60) for _ in found]
    questions = [
        replace(gold, extra={"paragraph": 0, "question": group})
        for gold, group in zip(found, groups, strict=True)
    ]
    values = [
        [{"group": group, "value": number} for group, number in zip(groups, side, strict=True)]
        for side in numbers
    ]
    theirs = {
        **t5.multirc_f1_over_all_answers(*values),
        **t5.mean_group_metric(t5.all_match)(*values),
    }
    keys = {"em": "exact_match", "f1": "f1"}
    agree &= compare("multirc", metric("multirc")(questions, said), theirs, keys)
    wrapped = t5.sklearn_metrics_wrapper(
        "matthews_corrcoef", metric_post_process_fn=lambda x: 100 * x
    )
    theirs = wrapped(*numbers)
    agree &= compare(
        "matthews", metric("matthews")(found, said), theirs, {"matthews": "matthews_corrcoef"}
    )

    scores = [draw.uniform(0, 5) for _ in range(100)]
    found = [Gold(str(round(s)), (str(round(s)),), extra={"score": s}) for s in scores]
    guesses = [s + draw.uniform(-1, 1) for s in scores]
    for name in ("pearson", "spearman"):
        theirs = getattr(t5, f"{name}_corrcoef")(scores, guesses)
        agree &= compare(
            name, metric(name)(found, [str(g) for g in guesses]), theirs, {name: f"{name}_corrcoef"}
        )
    explain(draw)
    print("all agree" if agree else "NOT ALL AGREE")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
