"""SeqIO's Evaluator gives whoever answers rightly the best score there is, in every language.

Wrong answers have the scores of `flan eval` on them. By generation and by rank, without exemplars
and behind two, after which the model goes on with a prompt and an answer of its own.
"""

import pytest
import seqio
from toy_languages import CLUSTER, by_flan_eval, toy_catalog

import flan_tasks as ft
from flan_tasks.core.dataset import METRIC_NAMES
from flan_tasks.datasets import catalog
from flan_tasks.evaluation.harness import numbers_of
from flan_tasks.evaluation.records import GENERATE, RANK
from flan_tasks.metrics.by_name import LOWER_IS_BETTER

# Behind exemplars prompts are padded to a length and targets cut to one that leaves options whole.
LENGTHS = {0: None, 2: {"inputs": 600, "targets": 32}}
# One dataset of each script; all of them take minutes.
SOME = [
    ("zh_rouge", GENERATE, 0),
    ("th_bleu", GENERATE, 0),
    ("hi_squad", GENERATE, 2),
    ("ko_multilabel", GENERATE, 2),
    ("en_multirc", RANK, 0),
    ("ja_accuracy", RANK, 2),
]


class Stub:
    """What stands for a model: it reads a prompt's ids and says what it was told to."""

    def __init__(self, task, prompts, answers):
        self._vocabulary = task.output_features["targets"].vocabulary
        self._answers = {one.inputs: answers[one.gold.key] for one in prompts}
        self._options = {one.inputs: one.gold.options for one in prompts}

    def predict(self, dataset):
        """Ids of answers, as long as the longest, last one first as where several hosts answer."""
        found = [
            (int(index), [*self._vocabulary.encode(self._answers[self._prompt(row)]), 1])
            for index, row in dataset.as_numpy_iterator()
        ]
        length = max(len(ids) for _, ids in found)
        return [(index, ids + [0] * (length - len(ids))) for index, ids in reversed(found)]

    def score(self, dataset):
        """Scores of options, with what else models hand out."""
        found = []
        for index, row in dataset.as_numpy_iterator():
            prompt = self._prompt(row)
            option = self._vocabulary.decode(row["decoder_target_tokens"].tolist())
            place = self._options[prompt].index(option)
            found.append((int(index), self._answers[prompt][place]))
        return found[::-1], {"lengths": [len(found)] * len(found)}

    def _prompt(self, row):
        return self._vocabulary.decode(row["encoder_input_tokens"].tolist())


def by_seqio(dataset, told, *, method, shots):
    """Returns which answers -> number -> score; `told` is which answers -> what they are to what.

    An Evaluator takes a second or two, so one is asked for the scores of all answers.
    """
    task = ft.task(
        dataset.name,
        template="right",
        shots=shots,
        rank=method == RANK,
        vocab="bytes",
        register_as=f"my:{dataset.name}",
    )
    evaluator = seqio.Evaluator(
        task.name,
        feature_converter=seqio.EncDecFeatureConverter(pack=False),
        eval_split="test",
        # What exemplars are drawn by.
        seed=0,
        sequence_length=LENGTHS[shots],
    )
    seqio.TaskRegistry.remove(task.name)
    scores = {}
    for which, scored in told.items():
        stub = Stub(task, told["right"].prompts, scored.answers)
        metrics, _ = evaluator.evaluate(
            compute_metrics=True, predict_fn=stub.predict, score_fn=stub.score
        )
        scores[which] = metrics.result()[task.name]
    return scores


@pytest.fixture(scope="module")
def toys(tmp_path_factory):
    """The toy datasets, added to those of the package."""
    folder = tmp_path_factory.mktemp("toys")
    catalog.cache_clear()
    known = toy_catalog(folder)
    for dataset in known.datasets:
        ft.add(dataset, cluster=CLUSTER, templates=folder / "toys.toml")
    yield known
    catalog.cache_clear()


def check(known, folder, names, *, method, shots):
    """Compares SeqIO's scores with the best there are, and with those of `flan eval`."""
    case = {"method": method, "shots": shots}
    datasets = [known[name] for name in names]
    found = by_flan_eval(known, folder / f"{method}_{shots}", datasets=datasets, **case)
    ending = "_rank" if method == RANK else ""
    for dataset in datasets:
        told = {
            which: found[f"flan_{dataset.name}_{which}{ending}"] for which in ("right", "wrong")
        }
        best = 0 if told["right"].metric in LOWER_IS_BETTER else 100
        for which, theirs in by_seqio(dataset, told, **case).items():
            numbers = numbers_of(dataset.metrics, [one.gold for one in told[which].prompts])
            own = {one: pytest.approx(told[which].scores[one]) for _, one, _ in numbers}
            assert theirs == own, (dataset.name, which)
            is_best = list(theirs.values()) == pytest.approx([best] * len(theirs))
            assert is_best is (which == "right"), (dataset.name, which, theirs)


@pytest.mark.parametrize(("name", "method", "shots"), SOME)
def test_right_answers_have_the_best_score_in_each_script(toys, tmp_path, name, method, shots):
    check(toys, tmp_path, [name], method=method, shots=shots)


@pytest.mark.slow
@pytest.mark.parametrize("method", [GENERATE, RANK])
@pytest.mark.parametrize("shots", LENGTHS)
def test_right_answers_have_the_best_score_by_every_metric(toys, tmp_path, method, shots):
    datasets = [one for one in toys.datasets if method == GENERATE or one.is_classification]
    assert len(datasets) > (8 if method == RANK else 2 * len(METRIC_NAMES))
    check(toys, tmp_path, [one.name for one in datasets], method=method, shots=shots)
