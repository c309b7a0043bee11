"""A decoder-only transformer that reads inputs and targets as one sequence.

RMS norms before each branch, gated MLP, keys shared by groups of queries (Ainslie et al. 2023),
RoPE (Su et al. 2021) or T5's relative bias. Inputs see each other both ways or backward only, by
configuration; targets always look backward. What Llama, Mistral, Qwen and Gemma have besides are
switches of the configuration; where layers differ, in windows and in RoPE's waves, the scan over
them has these as arrays.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from flan_tasks.models.attention import Seen, Turn, View, not_after, same_segment
from flan_tasks.models.cache import (
    EMPTY,
    Cache,
    Look,
    beside,
    cached_step,
    is_laid,
    looking_back,
    new_cache,
    unlaid,
    with_prompt,
    written,
    written_step,
)
from flan_tasks.models.layers import (
    MLP,
    Attention,
    Embedding,
    Head,
    RelativeBias,
    RMSNorm,
    Stack,
    dropout,
    subkeys,
)
from flan_tasks.models.rope import layer_waves
from flan_tasks.models.soft_prompt import SoftPrompt
from flan_tasks.models.weighing import capped
from flan_tasks.specs.model_config import ModelConfig

Batch = Mapping[str, jax.Array]


class Layer(nnx.Module):
    """Self-attention and MLP, each on the norm of the stream and added to it, normed or not."""

    def __init__(self, config: ModelConfig, *, rngs: nnx.Rngs) -> None:
        self.rate = config.dropout
        self.branch_norms = config.branch_norms
        self.attention_norm = RMSNorm(config, rngs=rngs)
        self.attention = Attention(config, rngs=rngs)
        self.mlp_norm = RMSNorm(config, rngs=rngs)
        self.mlp = MLP(config, rngs=rngs)
        if config.branch_norms:
            self.attention_branch_norm = RMSNorm(config, rngs=rngs)
            self.mlp_branch_norm = RMSNorm(config, rngs=rngs)

    def __call__(
        self,
        x: jax.Array,
        turn: Turn | None,
        look: Look,
        key: Any,
    ) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        """Returns the stream, and what `look` keeps of its keys and values."""
        keys = subkeys(key, 4)
        normed = self.attention_norm(x)
        seen, kept = look(*self.attention.keys(normed, turn))
        query = self.attention.queries(normed, turn)
        output = self.attention(query, seen, keys[0])
        if self.branch_norms:
            output = self.attention_branch_norm(output)
        x = x + dropout(output, self.rate, keys[1], axis=-2)
        output = self.mlp(self.mlp_norm(x), keys[2])
        if self.branch_norms:
            output = self.mlp_branch_norm(output)
        return x + dropout(output, self.rate, keys[3], axis=-2), kept


class Decoder(nnx.Module):
    """The network; see `flan_tasks.models.model.Model` for what its methods mean."""

    def __init__(self, config: ModelConfig, *, rngs: nnx.Rngs) -> None:
        self.config = config
        self.prefix = config.inputs_attention == "prefix"
        self.embedding = Embedding(config, rngs=rngs)
        if config.prompt_length:
            self.prompt = SoftPrompt(config, rngs=rngs)
        if config.positions == "relative":
            # Inputs that look ahead need buckets for it.
            self.relative_bias = RelativeBias(config, bidirectional=self.prefix, rngs=rngs)
        self.stack = Stack(config, partial(Layer, config), config.layers, rngs=rngs)
        self.norm = RMSNorm(config, rngs=rngs)
        if not config.tied_head:
            self.head = Head(config, rngs=rngs)

    def stream(self, batch: Batch, key: jax.Array | None) -> jax.Array:
        """Returns the normed stream [B, T, embed], for `head_logits`."""
        tokens = batch["decoder_input_tokens"]
        segments = batch.get("decoder_segment_ids", jnp.ones_like(tokens))
        index = jnp.arange(tokens.shape[1])[None]
        positions = batch.get("decoder_positions", jnp.broadcast_to(index, tokens.shape))
        inputs = batch.get("decoder_causal_attention", jnp.zeros_like(tokens))
        prompt_key, key = subkeys(key, 2) if self.config.prompt_length else (None, key)
        prompt = self._prompt(prompt_key)
        positions = positions + self.config.prompt_length
        x = self.embedding(tokens)
        return self._read(x, segments, positions, inputs, key, beginning=prompt)[0]

    def prefill(
        self, batch: Batch, steps: int, *, beginning: Cache | None = None
    ) -> tuple[jax.Array, Cache]:
        """Returns logits [B, V] after the inputs, and the cache."""
        tokens = batch["decoder_input_tokens"]
        segments = batch.get("decoder_segment_ids", jnp.ones_like(tokens))
        # What is read behind a beginning has the soft prompt in it.
        prompt = self._prompt() if beginning is None else None
        behind = beginning if prompt is None else prompt
        before = jnp.int32(0) if behind is None else jnp.max(behind["positions"][:1]) + 1
        index = before + jnp.broadcast_to(jnp.arange(tokens.shape[1])[None], tokens.shape)
        x, (key, value) = self._read(
            self.embedding(tokens), segments, index, segments, None, keep=True, beginning=behind
        )
        places = jnp.where(segments > 0, index, EMPTY)
        if prompt is not None:
            key, value, places = with_prompt(prompt, key, value, places)
        cache = new_cache(key, value, places, steps)
        last = jnp.take_along_axis(x, (cache["next"] - 1 - before)[:, None, None], axis=1)
        return self.head_logits(last[:, 0]), cache

    def extend(
        self, cache: Cache, tokens: jax.Array, places: jax.Array, segments: jax.Array | None
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Returns the normed stream, keys and values of tokens at `places` after the cache.

        A laid cache takes one token a row, and its arrays come back with it.
        """
        if is_laid(cache):
            positions, how = written_step(cache, self._bias)
        else:
            positions, own, how = cached_step(cache, places, segments, self._bias)
        each, parts = [cache["key"], cache["value"]], [how]
        # What all rows share, and prompts, where they stand apart.
        for name in ("beginning", "prompt"):
            if f"{name}_key" in cache:
                each += [cache[f"{name}_key"], cache[f"{name}_value"]]
                parts.append(looking_back(positions, cache[f"{name}_positions"], self._bias))

        def apply(layer: Layer, x: jax.Array, _: None, of_layer: tuple) -> tuple:
            window, waves, *each = of_layer
            views = [part.within(window) for part in parts]
            if is_laid(cache):
                past = _seen([unlaid(part) for part in each[2:]], views[1:])
                look = written(each[0], each[1], cache["used"], views[0], past)
            else:
                look = beside(_seen(each, views), own.within(window))
            return layer(x, _turn(positions, waves), look, None)

        stacked = (*self._of_layers(), *each)
        x, (key, value) = self.stack(apply, self.embedding(tokens), None, stacked)
        return self.norm(x), key, value

    def trees(
        self,
        tokens: jax.Array,
        depths: jax.Array,
        ends: jax.Array,
        blocks: jax.Array,
        beginning: Cache | None,
    ) -> jax.Array:
        """Returns the normed stream [B, T, embed] of tokens that each see those they follow."""
        beginning = self._prompt() if beginning is None else beginning
        depths = depths + self.config.prompt_length
        index = jnp.arange(tokens.shape[1])[None]
        looks = not_after(index, index) & (index[:, :, None] < ends[:, None, :])
        if self.prefix:
            looks |= (blocks[:, :, None] > 0) & same_segment(blocks, blocks)
        own = View(looks, self._bias(depths, depths), depths, depths)
        each, views = self._behind(beginning, depths)

        def apply(layer: Layer, x: jax.Array, _: None, of_layer: tuple) -> tuple:
            window, waves, *each = of_layer
            past = _seen(each, [view.within(window) for view in views])
            look = beside(past, own.within(window))
            return layer(x, _turn(depths, waves), look, None)[0], None

        stacked = (*self._of_layers(), *each)
        x, _ = self.stack(apply, self.embedding(tokens), None, stacked)
        return self.norm(x)

    def _prompt(self, key: jax.Array | None = None) -> Cache | None:
        """Returns the soft prompt as a beginning of one row; None where there is none."""
        if not self.config.prompt_length:
            return None
        index = jnp.arange(self.config.prompt_length)[None]
        ones = jnp.ones_like(index)
        x = self.prompt()[None]
        _, (keys, values) = self._read(x, ones, index, jnp.zeros_like(index), key, keep=True)
        return {"key": keys, "value": values, "positions": index}

    def _behind(
        self, beginning: Cache | None, positions: jax.Array
    ) -> tuple[tuple[jax.Array, ...], list[View]]:
        """Returns keys and values of all layers of what all rows share, and how to look at it."""
        if beginning is None:
            return (), []
        places = beginning["positions"][:1]
        each = (beginning["key"][:, :1], beginning["value"][:, :1])
        return each, [looking_back(positions, places, self._bias)]

    def _of_layers(self) -> tuple[jax.Array | None, jax.Array | None]:
        """Returns the window of each layer and RoPE's waves in it; None where there are none."""
        windows = self.config.layer_windows
        largest = jnp.iinfo(jnp.int32).max
        return (
            jnp.asarray([window or largest for window in windows]) if any(windows) else None,
            jnp.asarray(layer_waves(self.config)) if self.config.positions == "rope" else None,
        )

    def _read(
        self,
        x: jax.Array,
        segments: jax.Array,
        positions: jax.Array,
        inputs: jax.Array,
        key: jax.Array | None,
        *,
        keep: bool = False,
        beginning: Cache | None = None,
    ) -> tuple[jax.Array, Any]:
        """Returns the normed stream of embeddings and, to `keep`, keys and values of all layers.

        A `beginning` does not look at what stands behind it.
        """
        # Order within a row is that of its places; positions restart in each segment.
        index = jnp.arange(x.shape[1])[None]
        looks = not_after(index, index)
        if self.prefix:
            looks |= (inputs[:, :, None] > 0) & (inputs[:, None, :] > 0)
        looks &= same_segment(segments, segments)
        own = View(looks, self._bias(index, index), index, index)
        embed_key, layers_key, last_key = subkeys(key, 3)
        each, views = self._behind(beginning, positions)

        def apply(layer: Layer, x: jax.Array, key: Any, of_layer: tuple) -> tuple:
            window, waves, *each = of_layer
            past = _seen(each, [view.within(window) for view in views])
            look = beside(past, own.within(window))
            x, keys_values = layer(x, _turn(positions, waves), look, key)
            return x, keys_values if keep else None

        x = dropout(x, self.config.dropout, embed_key, axis=-2)
        x, keys_values = self.stack(apply, x, layers_key, (*self._of_layers(), *each))
        return dropout(self.norm(x), self.config.dropout, last_key, axis=-2), keys_values

    def _bias(self, queries: jax.Array, keys: jax.Array) -> jax.Array | None:
        return self.relative_bias(queries, keys) if self.config.positions == "relative" else None

    def head_logits(self, x: jax.Array) -> jax.Array:
        """Returns logits [..., V] of the normed stream, [..., embed]."""
        logits = self.embedding.attend(x) if self.config.tied_head else self.head(x)
        return capped(logits, self.config.final_cap)


def _seen(each: Sequence[jax.Array], views: Sequence[View]) -> list[Seen]:
    """Returns keys and values, one after the other, with how each pair is looked at."""
    pairs = zip(each[::2], each[1::2], views, strict=True)
    return [view.seen(key, value) for key, value, view in pairs]


def _turn(positions: jax.Array, waves: jax.Array | None) -> Turn | None:
    return None if waves is None else Turn(positions, waves)
