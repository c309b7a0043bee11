"""Derived features against SeqIO's own converters, packing the same examples."""

import numpy as np
import pytest
from packed_build import LENGTHS, make_rows, write_build

import flan_tasks


@pytest.fixture(scope="module")
def seqio():
    pytest.importorskip("tensorflow")
    return pytest.importorskip("seqio")


@pytest.mark.parametrize("arch", ["encoder-decoder", "decoder"])
def test_features_are_those_of_seqios_converters(seqio, tmp_path, arch):
    import tensorflow as tf

    rows = make_rows(3)
    reader = flan_tasks.open(write_build(tmp_path / "b", rows, arch=arch, shards=1))
    kinds = {
        "encoder-decoder": seqio.EncDecFeatureConverter,
        "decoder": seqio.PrefixLMFeatureConverter,
    }
    converter = kinds[arch](pack=True)
    spec = {name: tf.TensorSpec([None], tf.int32) for name in LENGTHS}
    for row, examples in zip(reader, rows, strict=True):
        data = tf.data.Dataset.from_generator(
            lambda examples=examples: ({n: getattr(e, n) for n in LENGTHS} for e in examples),
            output_signature=spec,
        )
        data = seqio.utils.trim_dataset(data, LENGTHS, converter.TASK_FEATURES)
        (wanted,) = converter(data, task_feature_lengths=LENGTHS).as_numpy_iterator()
        assert set(row) == {*wanted, "segment_tasks"}
        for name, array in wanted.items():
            np.testing.assert_array_equal(row[name], array, err_msg=name)
