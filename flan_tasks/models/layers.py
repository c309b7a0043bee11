"""The parts both networks are made of; parameters and computing, nothing else.

The names of scopes are those that profiles of steps tell parts by (`trainer/step_profile`).
A module holds `nnx.Param`s alone. Dropout keys, masks and caches are arguments and results, so
that a network is a pure function of its parameters. Each parameter names its logical axes.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from flan_tasks.models.attention import (
    Seen,
    Turn,
    attend,
    attend_fused,
    rotate,
)
from flan_tasks.models.products import product, times
from flan_tasks.specs.model_config import ModelConfig

# Names of the adapters' parameters in the tree.
ADAPTERS = ("lora_a", "lora_b")

_normal = jax.nn.initializers.normal
_fan_in_normal = jax.nn.initializers.variance_scaling(1.0, "fan_in", "normal")
_fan_in_truncated = jax.nn.initializers.variance_scaling(1.0, "fan_in", "truncated_normal")
# By their names in the configuration.
_ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "gelu": partial(jax.nn.gelu, approximate=True),
    "gelu_exact": partial(jax.nn.gelu, approximate=False),
    "silu": jax.nn.silu,
    "relu": jax.nn.relu,
}
_fan_avg_uniform = jax.nn.initializers.variance_scaling(1.0, "fan_avg", "uniform")


def parameter(rngs: nnx.RngStream, init: Callable, shape: tuple, axes: tuple) -> nnx.Param:
    """Returns a float32 parameter that knows its logical axes."""
    # The axes stand under a name of our own: flax's makes it shard when the parameter is made.
    return nnx.Param(init(rngs(), shape, jnp.float32), axes=axes)


def dropout(x: jax.Array, rate: float, key: jax.Array | None, *, axis: int | None) -> jax.Array:
    """Returns `x` with a share `rate` of it zero, the same along `axis`; no key, no dropout.

    T5 draws one mask for all positions of a row (axis -2): cheaper, and no worse.
    """
    if key is None or rate == 0.0:
        return x
    shape = list(x.shape)
    if axis is not None:
        shape[axis] = 1
    keep = jax.random.bernoulli(key, 1.0 - rate, shape)
    return jnp.where(keep, x / (1.0 - rate), jnp.zeros((), x.dtype))


def subkeys(key: jax.Array | None, count: int) -> Any:
    """Returns `count` keys of one, or as many times None."""
    return [None] * count if key is None else jax.random.split(key, count)


class Dense(nnx.Module):
    """A matrix product, with LoRA adapters where the configuration wants them."""

    def __init__(
        self,
        config: ModelConfig,
        name: str,
        shape: tuple[int, int],
        axes: tuple[str, str],
        *,
        rngs: nnx.Rngs,
        init: Callable = _fan_in_normal,
        biased: bool = False,
    ) -> None:
        self.dtype = jnp.dtype(config.dtype)
        self.kernel = parameter(rngs.params, init, shape, axes)
        self.biased = biased
        if biased:
            zeros = jax.nn.initializers.zeros
            self.bias = parameter(rngs.params, zeros, shape[1:], axes[1:])
        self.scale = 0.0
        if config.lora_rank and name in config.lora_targets:
            rank = config.lora_rank
            self.scale = config.lora_alpha / rank
            # B starts at zero (Hu et al. 2021), so a fresh adapter changes nothing.
            self.lora_a = parameter(
                rngs.adapters, _fan_in_normal, (shape[0], rank), (axes[0], "lora_rank")
            )
            self.lora_b = parameter(
                rngs.adapters, jax.nn.initializers.zeros, (rank, shape[1]), ("lora_rank", axes[1])
            )

    def __call__(self, x: jax.Array) -> jax.Array:
        y = times(x, self.kernel.get_value(), self.dtype)
        if self.biased:
            y = y + self.bias[...].astype(self.dtype)
        if self.scale:
            low = x @ self.lora_a[...].astype(self.dtype)
            y = y + (low @ self.lora_b[...].astype(self.dtype)) * self.scale
        return y


class RMSNorm(nnx.Module):
    """Scales to unit mean square, in float32 (Zhang and Sennrich 2019); no mean, no bias.

    Of the residual stream, or of each head.
    """

    def __init__(self, config: ModelConfig, *, rngs: nnx.Rngs, of_heads: bool = False) -> None:
        self.epsilon = config.norm_epsilon
        self.offset = 1.0 if config.offset_norms else 0.0
        init = jax.nn.initializers.constant(1.0 - self.offset)
        width, axis = (config.head_dim, "head_dim") if of_heads else (config.embed, "embed")
        self.scale = parameter(rngs.params, init, (width,), (axis,))

    @jax.named_scope("norm")
    def __call__(self, x: jax.Array) -> jax.Array:
        scale = self.scale[...] + self.offset if self.offset else self.scale[...]
        # Computed again for its gradient, so that of what it gives nothing is kept.
        return jax.checkpoint(self._scaled, prevent_cse=False)(x, scale)

    def _scaled(self, x: jax.Array, scale: jax.Array) -> jax.Array:
        wide = x.astype(jnp.float32)
        mean_square = jnp.mean(jnp.square(wide), axis=-1, keepdims=True)
        return (wide * jax.lax.rsqrt(mean_square + self.epsilon) * scale).astype(x.dtype)


class Embedding(nnx.Module):
    """Vectors of tokens, and the head when it is tied to them."""

    def __init__(self, config: ModelConfig, *, rngs: nnx.Rngs) -> None:
        self.dtype = jnp.dtype(config.dtype)
        self.outputs = config.outputs
        self.scale = config.embed**-0.5 if config.scaled_head else 1.0
        self.input_scale = config.embed**0.5 if config.scaled_embedding else 1.0
        shape = (config.padded_vocabulary, config.embed)
        self.embedding = parameter(rngs.params, _normal(1.0), shape, ("vocab", "embed"))

    @jax.named_scope("embedding")
    def __call__(self, tokens: jax.Array) -> jax.Array:
        # Cast first: the gather and its gradient then move half the bytes in bfloat16.
        x = jnp.take(self.embedding[...].astype(self.dtype), tokens, axis=0)
        return x if self.input_scale == 1.0 else x * jnp.asarray(self.input_scale, self.dtype)

    def attend(self, x: jax.Array) -> jax.Array:
        """Returns float32 logits of the tied head; the scale undoes the unit-normal vectors."""
        x = x * jnp.asarray(self.scale, x.dtype)
        table = self.embedding[...].astype(self.dtype)
        return product(x, table, 1, jnp.float32)[..., : self.outputs]


class Head(nnx.Module):
    """Logits of an untied head, in float32."""

    def __init__(self, config: ModelConfig, *, rngs: nnx.Rngs) -> None:
        self.dtype = jnp.dtype(config.dtype)
        self.outputs = config.outputs
        shape = (config.embed, config.padded_vocabulary)
        self.kernel = parameter(rngs.params, _fan_in_truncated, shape, ("embed", "vocab"))

    def __call__(self, x: jax.Array) -> jax.Array:
        logits = times(x, self.kernel.get_value(), self.dtype, jnp.float32)
        return logits[..., : self.outputs]


class MLP(nnx.Module):
    """wo(act(wi_0 x) * wi_1 x) (Shazeer 2020); not gated, wo(act(wi x))."""

    def __init__(self, config: ModelConfig, *, rngs: nnx.Rngs) -> None:
        self.rate = config.dropout
        self.gated = config.gated
        self.activation = config.activation
        dense = partial(Dense, config, rngs=rngs, init=_fan_in_truncated)
        self.wi: Dense
        self.wi_0: Dense
        self.wi_1: Dense
        for name in ("wi_0", "wi_1") if config.gated else ("wi",):
            setattr(self, name, dense(name, (config.embed, config.mlp), ("embed", "mlp")))
        self.wo = dense("wo", (config.mlp, config.embed), ("mlp", "embed"))

    @jax.named_scope("mlp")
    def __call__(self, x: jax.Array, key: jax.Array | None) -> jax.Array:
        function = _ACTIVATIONS[self.activation]
        if self.gated:
            # The function is computed again for its gradient: a read and a write less than kept.
            gate = jax.checkpoint(lambda x, y: function(x) * y, prevent_cse=False)
            hidden = gate(self.wi_0(x), self.wi_1(x))
        else:
            hidden = jax.checkpoint(function, prevent_cse=False)(self.wi(x))
        return self.wo(dropout(hidden, self.rate, key, axis=-2))


class Attention(nnx.Module):
    """Projections to heads and back; what is seen, and how, comes from the caller."""

    def __init__(self, config: ModelConfig, *, rngs: nnx.Rngs) -> None:
        self.config = config
        # T5 leaves the scale to the initial queries; a checkpoint has learned without it.
        in_init = config.architecture == "t5"
        self.scale = 1.0 if in_init else (config.query_scalar or config.head_dim) ** -0.5
        first = jax.nn.initializers.variance_scaling(
            1 / config.head_dim if in_init else 1.0, "fan_in", "normal"
        )
        wide, narrow = config.heads * config.head_dim, config.kv_heads * config.head_dim
        dense = partial(Dense, config, rngs=rngs, biased=config.attention_bias)
        self.query = dense("query", (config.embed, wide), ("embed", "heads"), init=first)
        self.key = dense("key", (config.embed, narrow), ("embed", "kv_heads"))
        self.value = dense("value", (config.embed, narrow), ("embed", "kv_heads"))
        self.out = Dense(config, "out", (wide, config.embed), ("heads", "embed"), rngs=rngs)
        if config.query_key_norms:
            self.query_norm = RMSNorm(config, rngs=rngs, of_heads=True)
            self.key_norm = RMSNorm(config, rngs=rngs, of_heads=True)

    @jax.named_scope("attention")
    def queries(self, x: jax.Array, turn: Turn | None = None) -> jax.Array:
        """Returns queries [B, T, heads, head_dim], turned if RoPE is given."""
        queries = self.query(x).reshape(*x.shape[:2], self.config.heads, self.config.head_dim)
        if self.config.query_key_norms:
            queries = self.query_norm(queries)
        return queries if turn is None else rotate(queries, turn)

    @jax.named_scope("attention")
    def keys(self, x: jax.Array, turn: Turn | None = None) -> tuple[jax.Array, jax.Array]:
        """Returns keys, turned if RoPE is given, and values [B, S, kv_heads, head_dim]."""
        shape = (*x.shape[:2], self.config.kv_heads, self.config.head_dim)
        keys, values = self.key(x).reshape(shape), self.value(x).reshape(shape)
        if self.config.query_key_norms:
            keys = self.key_norm(keys)
        return keys if turn is None else rotate(keys, turn), values

    @jax.named_scope("attention")
    def __call__(self, query: jax.Array, parts: Sequence[Seen], key: jax.Array | None) -> jax.Array:
        """Returns what the queries find, as [B, T, embed]."""
        # The fused kernel reads one block of keys; decoding, with its cache beside, has two.
        if self.config.attention == "cudnn" and len(parts) == 1 and query.shape[1] > 1:
            output = attend_fused(query, parts[0], scale=self.scale)
        else:
            output = attend(
                query,
                parts,
                scale=self.scale,
                cap=self.config.attention_cap,
                rate=self.config.dropout,
                dropout_key=key,
            )
        return self.out(output.reshape(*output.shape[:2], -1))


class RelativeBias(nnx.Module):
    """T5's learned bias of attention by bucketed distance (Raffel et al. 2020), one a stack."""

    def __init__(self, config: ModelConfig, *, bidirectional: bool, rngs: nnx.Rngs) -> None:
        self.buckets = config.relative_buckets
        self.distance = config.relative_distance
        self.bidirectional = bidirectional
        shape = (self.buckets, config.heads)
        self.embedding = parameter(
            rngs.params, _fan_avg_uniform, shape, ("relpos_buckets", "heads")
        )

    @jax.named_scope("attention")
    def __call__(self, queries: jax.Array, keys: jax.Array) -> jax.Array:
        """Returns float32[B, heads, T, S] for positions [B, T] and [B, S]."""
        bucket = relative_bucket(
            keys[:, None, :] - queries[:, :, None],
            bidirectional=self.bidirectional,
            buckets=self.buckets,
            distance=self.distance,
        )
        return jnp.moveaxis(self.embedding[...][bucket], -1, 1)


def relative_bucket(
    offset: jax.Array, *, bidirectional: bool, buckets: int, distance: int
) -> jax.Array:
    """Returns the bucket of key position minus query position.

    Exact for the nearer half of the buckets, by logarithm up to `distance` for the rest.
    """
    side = jnp.zeros_like(offset)
    if bidirectional:
        buckets //= 2
        side = jnp.where(offset > 0, buckets, 0)
        away = jnp.abs(offset)
    else:
        away = jnp.maximum(-offset, 0)
    exact = buckets // 2
    # At 0 the logarithm is not looked at; 1 keeps it finite.
    ratio = jnp.log(jnp.maximum(away, 1).astype(jnp.float32) / exact) / jnp.log(distance / exact)
    far = jnp.minimum(exact + (ratio * (buckets - exact)).astype(jnp.int32), buckets - 1)
    return side + jnp.where(away < exact, away, far)


class Stack(nnx.Module):
    """Equal layers, their parameters stacked along a first axis and run by one scan."""

    def __init__(
        self, config: ModelConfig, make: Callable[..., nnx.Module], count: int, *, rngs: nnx.Rngs
    ) -> None:
        self.remat = config.remat
        self.count = count
        self.layers = nnx.vmap(lambda r: make(rngs=r))(rngs.split(count))

    def __call__(
        self, apply: Callable, x: jax.Array, key: jax.Array | None, each: Any = None
    ) -> tuple[jax.Array, Any]:
        """Runs `x, out = apply(layer, x, key, each)` over all layers.

        `each` is a tuple of what every layer gets of its own, stacked, or None for nothing; the
        layers' `out` come back stacked.
        """
        graph, state = nnx.split(self.layers)
        if any(isinstance(leaf, tuple) for leaf in jax.tree.leaves(state, is_leaf=_is_parted)):
            return self._one_by_one(apply, x, key, each)

        def body(carry: jax.Array, of_layer: tuple) -> tuple[jax.Array, Any]:
            params, layer_key, layer_inputs = of_layer
            return apply(nnx.merge(graph, params), carry, layer_key, layer_inputs)

        if self.remat == "full":
            body = jax.checkpoint(body, prevent_cse=False)
        elif self.remat == "dots":
            saved = jax.checkpoint_policies.dots_with_no_batch_dims_saveable
            body = jax.checkpoint(body, prevent_cse=False, policy=saved)
        keys = None if key is None else jax.random.split(key, self.count)
        return jax.lax.scan(body, x, (state, keys, each))

    def _one_by_one(
        self, apply: Callable, x: jax.Array, key: jax.Array | None, each: Any
    ) -> tuple[jax.Array, Any]:
        """Runs layers whose parameters are parted: `Model.unstacked`; so is what comes back."""
        graph, state = nnx.split(self.layers)
        outputs = []
        for layer, layer_key in enumerate(subkeys(key, self.count)):
            params = jax.tree.map(lambda parts, n=layer: parts[n], state, is_leaf=_is_parted)
            of_layer = each and tuple(None if part is None else part[layer] for part in each)
            x, out = apply(nnx.merge(graph, params), x, layer_key, of_layer)
            outputs.append(out)
        return x, jax.tree.map(lambda *parts: parts, *outputs)


def _is_parted(leaf: Any) -> bool:
    """Whether a parameter of all layers is given as one array for each."""
    return isinstance(leaf, tuple)
