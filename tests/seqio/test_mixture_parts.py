"""SeqIO mixtures with parts: the rows of a build, in its order."""

import pytest

import flan_tasks as ft

MIXTURE = {
    "parts": (
        ft.Part(name="zero", weight=0.7, include=("rte", "cb")),
        ft.Part(name="few", weight=0.3, include=("rte",), shots=(1, 2), options=False),
    )
}
LENGTHS = {"inputs": 900, "targets": 40}


@pytest.mark.parametrize("weights", ["examples", "tokens"])
def test_a_stream_is_a_build(tmp_path, weights):
    mixture = ft.mixture("parted", source="samples", vocab="bytes", weights=weights, **MIXTURE)
    stream = mixture.get_dataset(LENGTHS, seed=5, num_epochs=1)
    ids = [row["inputs"].tolist() for row in stream.as_numpy_iterator()]
    declared = ft.Mixture(name="parted", weights=weights, **MIXTURE)
    view = ft.rows(declared, seed=5, source="samples", vocab="bytes", lengths=LENGTHS)
    vocabulary = mixture.output_features["inputs"].vocabulary
    texts = [vocabulary.decode(row[:-1]) for row in ids]
    assert texts == [row["inputs"] for row in view]
    assert mixture.num_input_examples("train") >= len(ids)


def test_no_cache_stands_for_parts():
    mixture = ft.mixture("parted", source="samples", vocab="bytes", **MIXTURE)
    with pytest.raises(ft.DeclarationError, match="use_cached=False"):
        mixture.get_dataset(LENGTHS, use_cached=True)
