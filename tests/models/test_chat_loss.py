"""Conversations through a small decoder: packed as alone, and as models that chat read them."""

import numpy as np
import pytest

pytest.importorskip("tokenizers")
pytest.importorskip("jinja2")
pytest.importorskip("jax")

from chat_by_hand import shape  # noqa: E402

import flan_tasks as ft  # noqa: E402


def test_the_loss_of_packed_conversations_is_that_of_each_alone(tmp_path):
    import dataclasses

    import jax
    from toy_models import DECODER, quickly_compiled, random_params

    from flan_tasks.models.model import Model

    settings = {"format": "arrays", "arch": "decoder", "chat": str(shape("qwen3"))}
    lengths = {"inputs": 100, "targets": 28, "row": 256}
    ft.build(
        *("wiki_dialog", tmp_path / "a"),
        source="samples",
        report=False,
        lengths=lengths,
        **settings,
    )
    reader = ft.open(tmp_path / "a")
    batch = reader.rows([0])
    # The start symbol is no place of any conversation, and what follows it counts from 0.
    segments = batch["decoder_segment_ids"]
    assert segments[0, 0] == 0 and batch["decoder_positions"][0, 1] == 0
    assert not batch["decoder_causal_attention"].any()
    assert not batch["decoder_loss_weights"][:, 0].any()
    config = dataclasses.replace(
        DECODER, vocabulary_size=reader.manifest["vocabulary_size"], layers=2
    )
    model = Model(config)
    params = random_params(model)
    with quickly_compiled():
        _compare(batch, jax.jit(lambda one: _losses(model.logits(params, one), one)))


def _compare(batch, loss):
    segments = batch["decoder_segment_ids"]
    named = ("target_tokens", "input_tokens", "loss_weights", "segment_ids", "positions")
    held = {f"decoder_{name}": batch[f"decoder_{name}"] for name in named}
    packed = np.asarray(loss(held))
    for row in range(len(segments)):
        stored = np.flatnonzero(batch["decoder_target_tokens"][row] > 0)[-1] + 1
        begins = np.flatnonzero((segments[row] == 0) & (np.arange(segments.shape[1]) < stored))
        assert len(begins) > 1
        for start, stop in zip(begins, [*begins[1:], stored], strict=True):
            # As a library of models that chat has it: its ids as inputs, from position 0 on.
            ids = batch["decoder_target_tokens"][row, start:stop]
            alone = np.zeros((1, segments.shape[1]), np.int32)
            inputs, weights = alone.copy(), alone.copy()
            count = stop - start - 1
            alone[0, :count], inputs[0, :count] = ids[1:], ids[:-1]
            weights[0, :count] = batch["decoder_loss_weights"][row, start + 1 : stop]
            only = {
                "decoder_target_tokens": alone,
                "decoder_input_tokens": inputs,
                "decoder_loss_weights": weights,
                "decoder_segment_ids": (np.arange(alone.shape[1]) < count)[None].astype(np.int32),
                "decoder_positions": np.arange(alone.shape[1], dtype=np.int32)[None],
            }
            expected = np.asarray(loss(only))
            assert weights.sum() > 0
            np.testing.assert_allclose(
                packed[row, start + 1 : stop], expected[0, :count], atol=2e-5, rtol=2e-5
            )


def _losses(logits, batch):
    import jax
    import jax.numpy as jnp

    scores = jax.nn.log_softmax(logits, axis=-1)
    chosen = jnp.take_along_axis(scores, batch["decoder_target_tokens"][..., None], axis=-1)[..., 0]
    return -chosen * batch["decoder_loss_weights"]


def test_a_checkpoint_says_by_which_template_its_rows_were_rendered(tmp_path):
    from flan_tasks.chat.tokenizer import ChatTokenizer
    from flan_tasks.trainer.data import BuildSource, keep_chat_tokenizer

    settings = {"format": "arrays", "arch": "decoder", "chat": str(shape("gemma"))}
    built = ft.build("rte", tmp_path / "a", source="samples", report=False, examples=4, **settings)
    rows = BuildSource(ft.open(tmp_path / "a"), batch_size=1, seed=0, shuffle=False)
    template = built.manifest["chat"]["template"]
    assert rows.about["chat"] == {
        "template": template,
        "date": "2024-07-26",
        "system": None,
        "reasoning": "keep",
    }
    # The tokenizer goes along: whoever reads the build has its texts, without naming it.
    inputs, targets = rows.reader.text(rows.reader.example(0))
    assert inputs.startswith("user\n") and inputs.endswith("model\n\n") and targets
    # And to the model, file by file.
    assert ft.verify(tmp_path / "a").files > 4
    keep_chat_tokenizer(rows, tmp_path / "run")
    kept = tmp_path / "run" / "tokenizer"
    assert ChatTokenizer(kept).name == template
    for path in kept.iterdir():
        assert path.read_bytes() == (shape("gemma") / path.name).read_bytes()
    assert {path.name for path in kept.iterdir()} >= {"tokenizer.json", "generation_config.json"}
