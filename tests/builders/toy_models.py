"""Tiny models and rows of random tokens, one example a row or several."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

import jax
import numpy as np

from flan_tasks.models.model import Model, ModelConfig

T5 = ModelConfig(
    architecture="t5", vocabulary_size=120, embed=32, layers=2, heads=4, head_dim=8, mlp=48
)
DECODER = ModelConfig(
    architecture="decoder",
    vocabulary_size=120,
    embed=32,
    layers=3,
    heads=4,
    kv_heads=2,
    head_dim=8,
    mlp=48,
    positions="rope",
    activation="silu",
    tied_head=True,
)
CONFIGS = {
    "t5": T5,
    # T5 1.0's network, with rows of padding that are no outputs.
    "t5-tied": dataclasses.replace(
        T5, tied_head=True, gated=False, activation="relu", head_rows=125
    ),
    "rope": DECODER,
    "rope-causal": dataclasses.replace(DECODER, inputs_attention="causal", tied_head=False),
    "relative": dataclasses.replace(DECODER, positions="relative"),
    # What any family of decoders has: layers that differ, bounds, biases, norms.
    "switches": dataclasses.replace(
        DECODER,
        inputs_attention="causal",
        scaled_head=False,
        windows=(4, 4, 0),
        rope_local_theta=50.0,
        rope_scaling="linear",
        rope_factor=2.0,
        attention_bias=True,
        query_key_norms=True,
        query_scalar=12.0,
        attention_cap=1.5,
        final_cap=3.0,
        branch_norms=True,
        offset_norms=True,
        scaled_embedding=True,
    ),
}
# (inputs, targets) in tokens; EOS is among them.
EXAMPLES = [(9, 4), (5, 6), (12, 2), (3, 3), (7, 5)]
INPUTS, TARGETS = 16, 12
Example = tuple[np.ndarray, np.ndarray]


@contextmanager
def quickly_compiled() -> Iterator[None]:
    """Compiles with few optimizations: less than half the time, and toys run fast anyway."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def random_params(model: Model, seed: int = 0) -> dict:
    """Parameters with no zeros or ones that could hide something; nothing is compiled for them."""
    draw = np.random.default_rng(seed)

    def drawn(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        values = draw.standard_normal(leaf.shape, dtype=np.float32)
        if leaf.shape[-1] == model.config.embed and len(leaf.shape) < 3 and leaf.shape[0] < 100:
            return 1 + 0.1 * values  # a norm's scale, of one layer or of all
        return values * leaf.shape[-2] ** -0.5

    return jax.tree.map(drawn, model.abstract())


def examples(seed: int = 0, lengths: list | None = None) -> list[Example]:
    """Random token pairs that end in EOS."""
    draw = np.random.default_rng(seed)
    made = []
    for sizes in lengths or EXAMPLES:
        sides = [draw.integers(3, 120, size).astype(np.int32) for size in sizes]
        for side in sides:
            side[-1] = 1
        made.append(tuple(sides))
    return made


def rows_of(
    architecture: str, rows: list[list[Example]], *, inputs: int = INPUTS, targets: int = TARGETS
) -> dict[str, np.ndarray]:
    """A batch with T5X's names, each row holding the given examples; no examples, all padding."""
    if architecture == "t5":
        encoder = _filled([[pair[0] for pair in row] for row in rows], inputs)
        decoder = _filled([[pair[1] for pair in row] for row in rows], targets)
        batch = {f"encoder_{n}": encoder[n] for n in ("segment_ids", "positions")}
        batch["encoder_input_tokens"] = encoder["tokens"]
    else:
        joined = [[np.concatenate(pair) for pair in row] for row in rows]
        decoder = _filled(joined, inputs + targets)
        batch = {}
    starts = decoder["positions"] == 0
    shifted = np.roll(decoder["tokens"], 1, axis=1)
    batch |= {f"decoder_{n}": decoder[n] for n in ("segment_ids", "positions")}
    batch["decoder_target_tokens"] = decoder["tokens"]
    batch["decoder_input_tokens"] = np.where(starts | (decoder["segment_ids"] == 0), 0, shifted)
    batch["decoder_loss_weights"] = (decoder["segment_ids"] > 0).astype(np.int32)
    if architecture != "t5":
        lengths = np.array([[0, *(len(pair[0]) for pair in row), *[0] * 9][:9] for row in rows])
        of_token = np.take_along_axis(lengths, decoder["segment_ids"], axis=1)
        real = decoder["segment_ids"] > 0
        batch["decoder_causal_attention"] = (real & (decoder["positions"] <= of_token)) * 1
        batch["decoder_loss_weights"] = (real & (decoder["positions"] >= of_token)) * 1
    return batch


def of_example(values: np.ndarray, batch: dict, row: int, segment: int):
    """What a batch's `values` [B, T, ...] hold at one example's decoder positions."""
    return np.asarray(values)[row][batch["decoder_segment_ids"][row] == segment]


def _filled(rows: list[list[np.ndarray]], length: int) -> dict[str, np.ndarray]:
    made = {n: np.zeros((len(rows), length), np.int32) for n in ("tokens", "segment_ids")}
    made["positions"] = np.zeros((len(rows), length), np.int32)
    for r, row in enumerate(rows):
        begin = 0
        for number, tokens in enumerate(row, start=1):
            place = slice(begin, begin + len(tokens))
            made["tokens"][r, place] = tokens
            made["segment_ids"][r, place] = number
            made["positions"][r, place] = np.arange(len(tokens))
            begin += len(tokens)
        assert begin <= length
    return made
