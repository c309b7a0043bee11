"""One way from texts to ids: whole, or fitted and cut."""

import numpy as np
import pytest
from conftest import make_catalog

from flan_tasks.core.mixture import Mixture
from flan_tasks.packing.encoder import Encoder
from flan_tasks.plan.plan import make_plan
from flan_tasks.plan.prepare import SourceChoice, prepare
from flan_tasks.plan.rows import rendered_rows
from flan_tasks.store.store import Store
from flan_tasks.vocabulary import open_vocabulary

VOCABULARY = open_vocabulary("bytes")


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toys")
    prepared = prepare(
        Mixture(name="m"),
        make_catalog(folder, {"birds": 34, "fish": 24}),
        source=SourceChoice(),
        store=Store(folder / "store"),
    )
    plan = make_plan(prepared, seed=3, num_examples=150)
    return [row for chunk in rendered_rows(plan, 0, 150) for row in chunk]


def encode_rows(encoder, rows):
    return encoder.encode_rows(
        [row.inputs for row in rows],
        [row.targets for row in rows],
        lambda over: [rows[place] for place in over.tolist()],
    )


def texts_of(encoded):
    pieces = np.split(encoded.ids, np.cumsum(encoded.lengths)[:-1])
    assert all(ids[-1] == VOCABULARY.eos_id for ids in pieces)
    return [VOCABULARY.decode(ids[:-1].tolist()) for ids in pieces]


def test_without_lengths_texts_stay_whole(rows):
    encoded = encode_rows(Encoder(VOCABULARY, {}), rows)
    assert texts_of(encoded.fitted.encoded) == [row.inputs for row in rows]
    assert texts_of(encoded.targets) == [row.targets for row in rows]


def test_with_lengths_prompts_are_fitted_and_targets_cut_and_counts_are_those_before(rows):
    sizes = sorted(len(row.inputs.encode()) for row in rows)
    encoder = Encoder(VOCABULARY, {"inputs": sizes[len(sizes) // 2] + 1, "targets": 4})
    encoded = encode_rows(encoder, rows)
    left = [rows[number] for number in encoded.fitted.kept.tolist()]
    assert 0 < len(left) < len(rows)
    assert (encoded.fitted.encoded.lengths <= encoder.lengths["inputs"]).all()
    assert texts_of(encoded.fitted.encoded) == encoded.fitted.inputs
    assert texts_of(encoded.targets) == [row.targets[:3] for row in left]
    counts = {part: texts.tokens.tolist() for part, texts in encoded.counts.items()}
    assert counts == {
        part: [len(getattr(row, part).encode()) for row in left] for part in ("inputs", "targets")
    }
    fitted = encoder.fit([row.inputs for row in rows], lambda over: [rows[n] for n in over])
    assert fitted.inputs == encoded.fitted.inputs
    assert (fitted.encoded.ids == encoded.fitted.encoded.ids).all()
