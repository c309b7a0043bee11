"""The same rows the way SeqIO's users write them: templates in the graph, a pipeline a task.

Normalized fields are read from TFRecord files, the template is filled by `tf.strings.join` in a
branch of `tf.switch_case`, then come `seqio.preprocessors.tokenize` and `append_eos`. Which
template an example gets stands in its record, so that every way makes the same texts.
"""

import functools
from pathlib import Path

from benchmarks.build.rowsets import PARTS, field_texts, task_rows
from flan_tasks.core.template import OPTIONS
from flan_tasks.plan.plan import Plan
from flan_tasks.plan.prepare import Ingredient

_TEMPLATE = "template"


def write_records(plan: Plan, folder: Path) -> dict[str, int]:
    """Writes the rows of a plan as TFRecord files of fields; returns rows of each task."""
    import tensorflow as tf

    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    for number, examples, chosen in task_rows(plan):
        name = plan.ingredients[number].dataset.name
        counts[name] = len(examples)
        with tf.io.TFRecordWriter(str(folder / name)) as writer:
            for example, template in zip(examples, chosen, strict=True):
                features = {
                    key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode()]))
                    for key, text in field_texts(example).items()
                }
                features[_TEMPLATE] = tf.train.Feature(
                    int64_list=tf.train.Int64List(value=[template])
                )
                row = tf.train.Example(features=tf.train.Features(feature=features))
                writer.write(row.SerializeToString())
    return counts


def graph_tasks(plan: Plan, folder: Path, vocab: str) -> list[tuple[object, float]]:
    """Returns (task, rate) of what `write_records` wrote of a plan."""
    import seqio

    vocabulary = seqio.SentencePieceVocabulary(vocab, extra_ids=100)
    features = {part: seqio.Feature(vocabulary) for part in PARTS}
    return [
        (_task(item, count, folder, features), float(count))
        for item, count in zip(plan.ingredients, plan.counts, strict=True)
        if count
    ]


def graph_mixture(plan: Plan, folder: Path, vocab: str):
    """Returns them as a mixture, each task drawn as often as it has rows in the plan."""
    import seqio
    import tensorflow as tf

    # To the end of every task, so that one epoch is each row once.
    sample = functools.partial(tf.data.Dataset.sample_from_datasets, stop_on_empty_dataset=False)
    return seqio.Mixture("graph_mixture", graph_tasks(plan, folder, vocab), sample_fn=sample)


def _task(item: Ingredient, count: int, folder: Path, features: dict):
    import seqio
    import tensorflow as tf

    def fill(pieces, row):
        return tf.strings.join([row[text] if is_field else text for is_field, text in pieces])

    @seqio.map_over_dataset
    def choose(row):
        branches = [
            lambda t=template: tuple(fill(t.pieces[part, True], row) for part in PARTS)
            for template in item.templates
        ]
        texts = tf.switch_case(tf.cast(row[_TEMPLATE], tf.int32), branches)
        return dict(zip(PARTS, texts, strict=True))

    names = [*item.dataset.fields, "answer"]
    names += [OPTIONS] if item.dataset.is_classification else []
    read = {name: tf.io.FixedLenFeature([], tf.string) for name in names}
    return seqio.Task(
        f"graph_{item.dataset.name}",
        source=seqio.TFExampleDataSource(
            {"train": str(folder / item.dataset.name)},
            feature_description={**read, _TEMPLATE: tf.io.FixedLenFeature([], tf.int64)},
            num_input_examples={"train": count},
        ),
        preprocessors=[
            choose,
            seqio.preprocessors.tokenize,
            seqio.CacheDatasetPlaceholder(),
            seqio.preprocessors.append_eos,
        ],
        output_features=features,
    )
