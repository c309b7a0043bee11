"""The models behind one face: parameters as plain trees, pure functions over them.

`Model` is all that the rest of the trainer sees: it hides flax, so that a break there costs this
room's model files and nothing else. The networks are in `t5` and `decoder`, their parts in
`layers`, sizes and validation in `model_config`.
"""

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from flan_tasks.core.errors import ModelError
from flan_tasks.models.cache import Cache, grown, rows_of
from flan_tasks.models.decoder import Decoder
from flan_tasks.models.layers import ADAPTERS
from flan_tasks.models.products import turned
from flan_tasks.models.soft_prompt import VECTORS
from flan_tasks.models.t5 import T5
from flan_tasks.specs.model_config import SIZES, ModelConfig, sized

__all__ = ["SIZES", "Cache", "Model", "ModelConfig", "sized"]

# Nested dict of arrays; the same tree for parameters, gradients, specs and axes.
Tree = dict[str, Any]
Batch = Mapping[str, jax.Array]


class Model:
    """One configured network as functions of its parameters.

    Every method is pure and may be called inside `jax.jit`; none holds arrays.
    """

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        make = partial(T5 if config.architecture == "t5" else Decoder, config)
        self._make = make
        abstract = nnx.eval_shape(lambda: make(rngs=_streams(jax.random.key(0))))
        self._graph, self._state = nnx.split(abstract)

    def init(self, key: jax.Array) -> Tree:
        """Returns fresh float32 parameters; adapters leave those of the base as they are."""
        return _plain(nnx.as_pure(nnx.state(self._make(rngs=_streams(key)))))

    def abstract(self) -> Tree:
        """Returns the tree of parameters as `jax.ShapeDtypeStruct`s."""
        return _plain(nnx.as_pure(self._state))

    def axes(self) -> Tree:
        """Returns the tree of logical axis names; stacked layers have `layers` in front."""
        names_of: Tree = {}
        for path, leaf in nnx.to_flat_state(self._state):
            names = leaf.get_metadata()["axes"]
            stacked = len(leaf.shape) - len(names)
            *above, last = path
            place: Any = names_of
            for name in above:
                place = place.setdefault(name, {})
            place[last] = ("layers",) * stacked + tuple(names)
        return names_of

    def is_adapter(self, path: tuple[str, ...]) -> bool:
        """Whether the parameter at a path of names is of an adapter or a soft prompt."""
        return path[-1] in ADAPTERS or path == VECTORS

    def without_adapters(self) -> "Model":
        """Returns the model of the base alone; it fits what `merge_lora` returns."""
        return Model(dataclasses.replace(self.config, lora_rank=0))

    def merge_lora(self, params: Tree) -> Tree:
        """Returns parameters of the base alone, each adapter added into its matrix.

        W + (alpha / rank) A B, computed in float32 (Hu et al. 2021).
        """
        scale = self.config.lora_alpha / max(self.config.lora_rank, 1)

        def merged(tree: Mapping[str, Any]) -> Tree:
            params: Tree = {n: merged(v) if isinstance(v, Mapping) else v for n, v in tree.items()}
            if ADAPTERS[0] in params:
                low, high = (params.pop(name) for name in ADAPTERS)
                params["kernel"] = params["kernel"] + scale * jnp.matmul(low, high)
            return params

        return merged(params)

    def logits(self, params: Tree, batch: Batch, dropout_key: jax.Array | None = None) -> jax.Array:
        """Returns float32[B, T, V] for a batch with T5X's feature names; no key, no dropout.

        V is the padded size of the vocabulary. Segment ids and positions may be missing: then each
        row is one example. A soft prompt stands before each example; packed rows of an encoder say
        in `encoder_starts` where these begin (`soft_prompt.STARTS`), and without it rows hold one.
        """
        return self.head_logits(params, self.stream(params, batch, dropout_key))

    def stream(self, params: Tree, batch: Batch, dropout_key: jax.Array | None = None) -> jax.Array:
        """Returns the normed stream [B, T, embed] that `logits` are made of, by `head_logits`."""
        return self._network(params).stream(batch, dropout_key)

    def head(self, params: Tree) -> Tree:
        """Returns the part of a tree of parameters that `head_logits` reads."""
        name = "embedding" if self.config.tied_head else "head"
        return {name: params[name]}

    def head_logits(self, params: Tree, x: jax.Array) -> jax.Array:
        """Returns float32 logits [..., V] of the normed stream at some tokens, [..., embed].

        The parameters may be their `head` alone.
        """
        return self._network({**self.abstract(), **self.head(params)}).head_logits(x)

    def encode(self, params: Tree, batch: Batch) -> jax.Array:
        """Returns the encoder's output [B, S, embed] for `encoder_input_tokens`.

        Raises:
          ModelError: the model has no encoder.
        """
        if self.config.architecture != "t5":
            raise ModelError("a decoder-only model has no encoder; call prefill")
        return self._network(params).encode(batch)

    def prefill(
        self,
        params: Tree,
        batch: Batch,
        steps: int,
        *,
        encoded: jax.Array | None = None,
        beginning: Cache | None = None,
    ) -> tuple[jax.Array, Cache]:
        """Reads the inputs; returns logits [B, V] of the first target token, and the cache.

        One example a row, filled from the left. For `t5` the batch holds `encoder_input_tokens`
        (and may come with its `encoded`); for `decoder` it holds `decoder_input_tokens` as its
        first token (`config.starts`) and then the inputs with EOS, and `decoder_segment_ids` with 1
        on these. The cache has room for
        `steps` calls of `decode_step`: `key` and `value` are [layers, B, length, kv_heads,
        head_dim], `positions` [B, length] with -1 in empty places, `next` [B] the position of the
        next token, `used` the number of places filled; for `t5` also `cross_key`, `cross_value`
        and `cross_mask`, computed once for all layers.

        A decoder whose inputs look backward only may read them behind a `beginning`: a cache of
        whose rows the first is taken for all. `decode_step` then finds it in the cache, as
        `beginning_key`, `beginning_value` and `beginning_positions`.
        """
        network = self._network(params)
        if self.config.architecture == "t5":
            return network.prefill(batch, steps, encoded=encoded)
        return network.prefill(batch, steps, beginning=beginning)

    def decode_step(self, params: Tree, cache: Cache, tokens: jax.Array) -> tuple[jax.Array, Cache]:
        """Reads one token a row, int32[B]; returns logits [B, V] of the next, and the new cache."""
        network = self._network(params)
        x, key, value = network.extend(
            cache, tokens[:, None], jnp.zeros_like(tokens)[:, None], None
        )
        return network.head_logits(x[:, 0]), grown(cache, key, value)

    def extend(
        self, params: Tree, cache: Cache, tokens: jax.Array, segment_ids: jax.Array
    ) -> jax.Array:
        """Returns logits [B, T, V] of several continuations of one cached beginning.

        `tokens` int32[B, T] holds the continuations of each row side by side, `segment_ids` tells
        them apart (0 is padding). Each sees the beginning and itself alone; the cache stays as it
        is. Logits at a token are those of the token after it.
        """
        return self.head_logits(params, self.extended(params, cache, tokens, segment_ids))

    def extended(
        self, params: Tree, cache: Cache, tokens: jax.Array, segment_ids: jax.Array
    ) -> jax.Array:
        """Returns the normed stream [B, T, embed] that the logits of `extend` are made of."""
        x, _, _ = self._network(params).extend(cache, tokens, _places(segment_ids), segment_ids)
        return x

    def trees(
        self,
        params: Tree,
        tokens: jax.Array,
        depths: jax.Array,
        ends: jax.Array,
        blocks: jax.Array,
        beginning: Cache | None = None,
    ) -> jax.Array:
        """Returns the normed stream [B, T, embed] of trees of tokens, for `head_logits`.

        Of a decoder-only model. Rows hold trees, int32[B, T], each token behind the one it
        follows: `depths` are positions in the texts, `ends` the place behind the last token that
        follows each, 0 in padding. A token sees those it follows, and the tokens of
        `beginning`, a cache of whose rows the first is taken for all. Where inputs see each other
        both ways, those of one number of `blocks` do; 0 is of none.
        """
        return self._network(params).trees(tokens, depths, ends, blocks, beginning)

    def unstacked(self, params: Tree) -> Tree:
        """Returns parameters of which each layer has its own arrays, for loops of many small steps.

        A scan over stacked ones copies those of a layer whenever it comes to it, which on a CPU
        takes as long as computing with them for a few tokens. Wide matrices are `turned` besides,
        which a CPU multiplies with few rows faster. An encoder stays as it is: steps do not read
        it.
        """

        def parted(tree: Tree, of_layers: bool) -> Tree:
            parts: Tree = {}
            for name, value in tree.items():
                if name == "encoder":
                    parts[name] = value
                elif isinstance(value, Mapping):
                    parts[name] = parted(dict(value), of_layers or name == "layers")
                else:
                    of_each = tuple(value) if of_layers else (value,)
                    if name == "kernel":
                        of_each = tuple(turned(matrix) for matrix in of_each)
                    parts[name] = of_each if of_layers else of_each[0]
            return parts

        return parted(params, False)

    def select_rows(self, cache: Cache, rows: jax.Array) -> Cache:
        """Returns the cache of the given rows, in their order; rows may repeat (beams)."""
        return rows_of(cache, rows)

    def _network(self, params: Tree) -> Any:
        return nnx.merge(self._graph, nnx.State(params))


def _streams(key: jax.Array) -> nnx.Rngs:
    """Random streams: adapters have their own, so that adding them changes no base weight."""
    return nnx.Rngs(params=key, adapters=jax.random.fold_in(key, 1))


def _plain(state: Any) -> Any:
    """Nested plain dicts of what is nested mappings."""
    if isinstance(state, Mapping):
        return {name: _plain(value) for name, value in state.items()}
    return state


def _places(segment_ids: jax.Array) -> jax.Array:
    """Place of each token in its segment, from 0; segments lie side by side."""
    index = jnp.arange(segment_ids.shape[1])[None]
    begins = jnp.concatenate(
        [jnp.ones_like(segment_ids[:, :1]), segment_ids[:, 1:] != segment_ids[:, :-1]], axis=1
    )
    return index - jax.lax.cummax(jnp.where(begins, index, 0), axis=1)
