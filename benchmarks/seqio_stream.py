"""Our SeqIO mixture against the same mixture written SeqIO's usual way, on the same rows.

    python benchmarks/seqio_stream.py --mixture all --source samples --vocab spiece.model
    python benchmarks/seqio_stream.py --mixture nli --source tfds --data-dir DIR --vocab FILE

SeqIO's way: one task a dataset, normalized fields read from TFRecord files, a template chosen and
filled in the graph, `seqio.preprocessors.tokenize` and `append_eos`, a shuffle buffer of 1,000 a
task, `sample_from_datasets` at the same rates. Each measurement runs in a process of its own; what
is compared is printed as a ratio. `import seqio` and preparing the rows are not counted.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LENGTHS = {"inputs": 1024, "targets": 256}
WAYS = ("engine", "graph")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mixture", default="all")
    parser.add_argument("--source", default="samples")
    parser.add_argument("--data-dir")
    parser.add_argument("--vocab", required=True)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=WAYS)
    args = parser.parse_args()
    if args.only:
        print(json.dumps(measure(args, args.only)))
        return
    found: dict[str, list[dict]] = {way: [] for way in WAYS}
    for _ in range(args.runs):
        for way in WAYS:  # in turn, so that a drift of the machine meets both
            command = [sys.executable, __file__, *sys.argv[1:], "--only", way]
            printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            found[way].append(json.loads(printed.splitlines()[-1]))
    names = list(found["engine"][0])
    print(f"{'median of ' + str(args.runs):32s} {'engine':>12s} {'graph':>12s} {'ratio':>8s}")
    for name in names:
        one, other = (sorted(run[name] for run in found[way])[args.runs // 2] for way in WAYS)
        print(f"{name:32s} {one:12,.2f} {other:12,.2f} {one / other if other else 0:8.2f}")


def measure(args: argparse.Namespace, way: str) -> dict[str, float]:
    """Returns first batch, memory, and tokens per second packed and not, of one way."""
    import seqio

    import flan_tasks as ft

    engine = ft.mixture(
        args.mixture,
        source=args.source,
        data_dir=args.data_dir,
        vocab=args.vocab,
        allow_missing=True,
    )
    plan = engine.plan("train")  # the store is filled before the clock starts
    with tempfile.TemporaryDirectory() as folder:
        if way == "graph":
            write_fields(plan, Path(folder))
        start = time.monotonic()
        mixture = graph_mixture(plan, Path(folder), args.vocab) if way == "graph" else engine
        packed = seqio.get_dataset(
            mixture,
            LENGTHS,
            seqio.EncDecFeatureConverter(pack=True),
            shuffle=True,
            seed=0,
            num_epochs=None,
        ).batch(32)
        stream = iter(packed)
        next(stream)
        first = time.monotonic() - start
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rate = tokens_per_second(stream, args.seconds)
        plain = seqio.get_dataset(
            mixture,
            LENGTHS,
            seqio.EncDecFeatureConverter(pack=False),
            shuffle=True,
            seed=0,
            num_epochs=None,
        ).batch(32)
        unpacked = tokens_per_second(iter(plain), args.seconds)
    return {
        "tasks": len(plan.ingredients),
        "first packed batch of 32, s": first,
        "peak memory at first batch, MiB": memory,
        "tokens/s packed": rate,
        "tokens/s unpacked": unpacked,
    }


def tokens_per_second(stream, seconds: float) -> float:
    """Non-padding tokens of both sides per second, after a second of warm-up."""
    next(stream)
    start, tokens = time.monotonic(), 0
    while time.monotonic() - start < seconds:
        batch = next(stream)
        for name in ("encoder_input_tokens", "decoder_target_tokens"):
            tokens += int((batch[name].numpy() > 0).sum())
    return tokens / (time.monotonic() - start)


def write_fields(plan, folder: Path) -> None:
    """Writes every task's normalized examples as TFRecords of text features."""
    import tensorflow as tf

    from flan_tasks.core.render import format_options

    for item in plan.ingredients:
        with tf.io.TFRecordWriter(str(folder / item.dataset.name)) as writer:
            for example in item.examples.take(range(item.available)):
                texts = {**example.fields, "answer": example.answer}
                if example.options:
                    texts["options"] = format_options(example.options)
                features = {
                    name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode()]))
                    for name, text in texts.items()
                }
                row = tf.train.Example(features=tf.train.Features(feature=features))
                writer.write(row.SerializeToString())


def graph_mixture(plan, folder: Path, vocab: str):
    """Returns the mixture as plain SeqIO tasks with templates in the graph."""
    import seqio
    import tensorflow as tf

    from flan_tasks.core.template import OPTIONS

    vocabulary = seqio.SentencePieceVocabulary(vocab, extra_ids=100)
    features = {name: seqio.Feature(vocabulary) for name in LENGTHS}

    def fill(pieces, row):
        return tf.strings.join([row[text] if is_field else text for is_field, text in pieces])

    def task(item):
        @seqio.map_over_dataset(num_seeds=1)
        def choose(row, seed):
            number = tf.random.stateless_uniform([], seed, 0, len(item.templates), dtype=tf.int32)
            branches = [
                lambda t=template: (
                    fill(t.pieces["inputs", True], row),
                    fill(t.pieces["targets", True], row),
                )
                for template in item.templates
            ]
            inputs, targets = tf.switch_case(number, branches)
            return {"inputs": inputs, "targets": targets}

        names = [*item.dataset.fields, "answer"]
        names += [OPTIONS] if item.dataset.is_classification else []
        return seqio.Task(
            f"graph_{item.dataset.name}",
            source=seqio.TFExampleDataSource(
                {"train": str(folder / item.dataset.name)},
                feature_description={n: tf.io.FixedLenFeature([], tf.string) for n in names},
                num_input_examples={"train": item.available},
            ),
            preprocessors=[
                choose,
                seqio.preprocessors.tokenize,
                seqio.CacheDatasetPlaceholder(),
                seqio.preprocessors.append_eos,
            ],
            output_features=features,
        )

    return seqio.Mixture("graph_mixture", [(task(item), item.rate) for item in plan.ingredients])


if __name__ == "__main__":
    main()
