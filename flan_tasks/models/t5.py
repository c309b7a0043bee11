"""T5 1.1 (Raffel et al. 2020; Shazeer 2020 for the gate): encoder, decoder, packed or not.

RMS norms before each branch, gated GELU, no biases, no scale of attention logits, one table of
relative positions a stack, an untied head. Examples that share a row are kept apart by segment
ids in all three attentions; relative positions need no more, as only differences count.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from flan_tasks.models.attention import Seen, View, not_after, same_segment
from flan_tasks.models.cache import (
    Cache,
    Look,
    beside,
    cached_step,
    grown,
    is_laid,
    new_cache,
    unlaid,
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
from flan_tasks.models.soft_prompt import STARTS, SoftPrompt, laid_out
from flan_tasks.specs.model_config import ModelConfig

Batch = Mapping[str, jax.Array]


class EncoderLayer(nnx.Module):
    """Self-attention and MLP, each on the norm of the stream and added to it."""

    def __init__(self, config: ModelConfig, *, rngs: nnx.Rngs) -> None:
        self.rate = config.dropout
        self.attention_norm = RMSNorm(config, rngs=rngs)
        self.attention = Attention(config, rngs=rngs)
        self.mlp_norm = RMSNorm(config, rngs=rngs)
        self.mlp = MLP(config, rngs=rngs)

    def __call__(
        self, x: jax.Array, mask: jax.Array, bias: jax.Array, key: jax.Array | None
    ) -> jax.Array:
        keys = subkeys(key, 4)
        normed = self.attention_norm(x)
        tokens = Seen(*self.attention.keys(normed), mask, bias)
        output = self.attention(self.attention.queries(normed), [tokens], keys[0])
        x = x + dropout(output, self.rate, keys[1], axis=-2)
        output = self.mlp(self.mlp_norm(x), keys[2])
        return x + dropout(output, self.rate, keys[3], axis=-2)


class DecoderLayer(nnx.Module):
    """Self-attention, attention to the encoder's output, and MLP."""

    def __init__(self, config: ModelConfig, *, rngs: nnx.Rngs) -> None:
        self.rate = config.dropout
        self.self_norm = RMSNorm(config, rngs=rngs)
        self.self_attention = Attention(config, rngs=rngs)
        self.cross_norm = RMSNorm(config, rngs=rngs)
        self.cross_attention = Attention(config, rngs=rngs)
        self.mlp_norm = RMSNorm(config, rngs=rngs)
        self.mlp = MLP(config, rngs=rngs)

    def __call__(
        self,
        x: jax.Array,
        look: Look,
        cross: Seen,
        key: jax.Array | None,
    ) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        """Returns the stream, and what `look` keeps of its keys and values."""
        keys = subkeys(key, 6)
        normed = self.self_norm(x)
        seen, kept = look(*self.self_attention.keys(normed))
        query = self.self_attention.queries(normed)
        output = self.self_attention(query, seen, keys[0])
        x = x + dropout(output, self.rate, keys[1], axis=-2)
        query = self.cross_attention.queries(self.cross_norm(x))
        output = self.cross_attention(query, [cross], keys[2])
        x = x + dropout(output, self.rate, keys[3], axis=-2)
        output = self.mlp(self.mlp_norm(x), keys[4])
        return x + dropout(output, self.rate, keys[5], axis=-2), kept


class Half(nnx.Module):
    """One of the two stacks, with its table of relative positions and its final norm."""

    def __init__(
        self, config: ModelConfig, layer: Any, count: int, *, bidirectional: bool, rngs: nnx.Rngs
    ) -> None:
        self.relative_bias = RelativeBias(config, bidirectional=bidirectional, rngs=rngs)
        self.stack = Stack(config, partial(layer, config), count, rngs=rngs)
        self.norm = RMSNorm(config, rngs=rngs)


class T5(nnx.Module):
    """The network; see `flan_tasks.models.model.Model` for what its methods mean."""

    def __init__(self, config: ModelConfig, *, rngs: nnx.Rngs) -> None:
        self.config = config
        self.embedding = Embedding(config, rngs=rngs)
        if config.prompt_length:
            self.prompt = SoftPrompt(config, rngs=rngs)
        half = partial(Half, config, rngs=rngs)
        self.encoder = half(EncoderLayer, config.layers, bidirectional=True)
        self.decoder = half(DecoderLayer, config.decoder_layers, bidirectional=False)
        if not config.tied_head:
            self.head = Head(config, rngs=rngs)

    def stream(self, batch: Batch, key: jax.Array | None) -> jax.Array:
        """Returns the normed stream [B, T, embed], for `head_logits`."""
        keys = subkeys(key, 2)
        encoded = self.encode(batch, keys[0])
        tokens = batch["decoder_input_tokens"]
        segments = batch.get("decoder_segment_ids", jnp.ones_like(tokens))
        _, inputs = self._inputs(batch)
        cross_mask = same_segment(segments, inputs)
        if "decoder_segment_ids" not in batch:
            cross_mask = (inputs > 0)[:, None, :]
        index = jnp.arange(tokens.shape[1])[None]
        own = same_segment(segments, segments) & not_after(index, index)
        look = beside([], View(own, self._bias(index, index), index, index))
        embed_key, layers_key, last_key = subkeys(keys[1], 3)

        def apply(layer: DecoderLayer, x: jax.Array, key: Any, _: None) -> tuple:
            cross = Seen(*layer.cross_attention.keys(encoded), cross_mask)
            return layer(x, look, cross, key)[0], None

        x = dropout(self.embedding(tokens), self.config.dropout, embed_key, axis=-2)
        x, _ = self.decoder.stack(apply, x, layers_key)
        return dropout(self.decoder.norm(x), self.config.dropout, last_key, axis=-2)

    def encode(self, batch: Batch, key: jax.Array | None = None) -> jax.Array:
        """Returns the encoder's output [B, S, embed]."""
        tokens, segments = self._inputs(batch)
        index = jnp.arange(tokens.shape[1])[None]
        mask, bias = same_segment(segments, segments), self.encoder.relative_bias(index, index)
        embed_key, layers_key, last_key = subkeys(key, 3)

        def apply(layer: EncoderLayer, x: jax.Array, key: Any, _: None) -> tuple:
            return layer(x, mask, bias, key), None

        x = self.embedding(jnp.maximum(tokens, 0) if self.config.prompt_length else tokens)
        if self.config.prompt_length:
            x = self.prompt.put(x, tokens)
        x = dropout(x, self.config.dropout, embed_key, axis=-2)
        x, _ = self.encoder.stack(apply, x, layers_key)
        return dropout(self.encoder.norm(x), self.config.dropout, last_key, axis=-2)

    def prefill(
        self, batch: Batch, steps: int, *, encoded: jax.Array | None = None
    ) -> tuple[jax.Array, Cache]:
        """Returns logits [B, V] after the decoder's first token, 0, and the cache."""
        if encoded is None:
            encoded = self.encode(batch)

        def cross(layer: DecoderLayer, x: jax.Array, _: None, __: None) -> tuple:
            return x, layer.cross_attention.keys(encoded)

        rows = encoded.shape[0]
        _, (cross_key, cross_value) = self.decoder.stack(cross, jnp.zeros(()), None)
        shape = (
            self.config.decoder_layers,
            rows,
            0,
            self.config.kv_heads,
            self.config.head_dim,
        )
        nothing = jnp.zeros(shape, encoded.dtype)
        cache = new_cache(nothing, nothing, jnp.zeros((rows, 0), jnp.int32), steps + 1)
        cache |= {"cross_key": cross_key, "cross_value": cross_value}
        cache["cross_mask"] = self._inputs(batch)[1] > 0
        zeros = jnp.zeros((rows, 1), jnp.int32)
        x, key, value = self.extend(cache, zeros, zeros, None)
        return self.head_logits(x[:, 0]), grown(cache, key, value)

    def extend(
        self, cache: Cache, tokens: jax.Array, places: jax.Array, segments: jax.Array | None
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Returns the normed stream, keys and values of tokens at `places` after the cache.

        A laid cache takes one token a row, and its arrays come back with it.
        """
        cross_mask = cache["cross_mask"][:, None, :]
        if is_laid(cache):
            _, how = written_step(cache, self._bias)
        else:
            _, own, how = cached_step(cache, places, segments, self._bias)

        def apply(layer: DecoderLayer, x: jax.Array, _: None, each: tuple) -> tuple:
            key, value, cross_key, cross_value = each
            if is_laid(cache):
                cross = Seen(unlaid(cross_key), unlaid(cross_value), cross_mask)
                look = written(key, value, cache["used"], how, [])
            else:
                cross = Seen(cross_key, cross_value, cross_mask)
                look = beside([how.seen(key, value)], own)
            return layer(x, look, cross, None)

        each = (cache["key"], cache["value"], cache["cross_key"], cache["cross_value"])
        x, (key, value) = self.decoder.stack(apply, self.embedding(tokens), None, each)
        return self.decoder.norm(x), key, value

    def _inputs(self, batch: Batch) -> tuple[jax.Array, jax.Array]:
        """Returns the encoder's tokens and segment ids [B, S], soft prompts among them."""
        tokens, segments = batch["encoder_input_tokens"], _encoder_segments(batch)
        if not self.config.prompt_length:
            return tokens, segments
        return laid_out(tokens, segments, batch.get(STARTS), self.config.prompt_length)

    def _bias(self, queries: jax.Array, keys: jax.Array) -> jax.Array:
        return self.decoder.relative_bias(queries, keys)

    def head_logits(self, x: jax.Array) -> jax.Array:
        """Returns logits [..., V] of the normed stream, [..., embed]."""
        return self.embedding.attend(x) if self.config.tied_head else self.head(x)


def _encoder_segments(batch: Batch) -> jax.Array:
    """Returns int32[B, S]: the segment of each token of the inputs; 0 is padding."""
    tokens = batch["encoder_input_tokens"]
    return batch.get("encoder_segment_ids", (tokens > 0).astype(jnp.int32))
