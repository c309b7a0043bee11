"""Derived features: those SeqIO's own converters give for the same rows."""

import numpy as np
import pytest

from flan_tasks.core.mixture import Mixture
from flan_tasks.packing.features import STORED, features
from flan_tasks.packing.packed_rows import packed_shard
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.vocabulary import open_vocabulary

CONVERTERS = {
    "encoder-decoder": ("EncDecFeatureConverter", {"inputs": 120, "targets": 40}),
    "decoder": ("PrefixLMFeatureConverter", {"inputs": 120, "targets": 40, "row": 160}),
}


@pytest.mark.slow
@pytest.mark.parametrize("arch", list(CONVERTERS))
def test_features_of_a_row_are_those_seqio_packs_from_its_examples(tmp_path, arch):
    seqio = pytest.importorskip("seqio")
    import tensorflow as tf
    from conftest import make_catalog

    catalog = make_catalog(tmp_path, {"birds": 34, "fish": 24})
    plan = make_plan(prepare(Mixture(name="m"), catalog, source=SourceChoice()), seed=0)
    name, lengths = CONVERTERS[arch]
    packed = packed_shard(
        plan, 0, len(plan), vocabulary=open_vocabulary("bytes"), lengths=lengths, arch=arch
    )
    stored = {part: packed.arrays[part].astype(np.int32) for part in STORED[arch]}
    ours = features(arch, stored)
    converter = getattr(seqio, name)(pack=True)
    given = {part: lengths[part] for part in ("inputs", "targets")}
    for row in range(0, packed.num_rows, 5):
        examples = list(_examples(stored, row, arch))
        dataset = tf.data.Dataset.from_generator(
            lambda examples=examples: iter(examples),
            output_signature={part: tf.TensorSpec([None], tf.int32) for part in given},
        )
        (theirs,) = converter(dataset, given).as_numpy_iterator()
        for feature, array in theirs.items():
            assert ours[feature][row].tolist() == array.tolist(), feature
        assert set(theirs) == set(ours)


def _examples(stored, row, arch):
    if arch == "decoder":
        segments, mask = stored["segment_ids"][row], stored["loss_mask"][row] == 1
        for segment in range(1, segments.max() + 1):
            here = segments == segment
            tokens = stored["tokens"][row]
            yield {"inputs": tokens[here & ~mask], "targets": tokens[here & mask]}
    else:
        for segment in range(1, stored["targets_segment_ids"][row].max() + 1):
            yield {
                part: stored[part][row][stored[f"{part}_segment_ids"][row] == segment]
                for part in ("inputs", "targets")
            }
