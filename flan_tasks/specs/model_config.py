"""What a model is: its validated configuration and the sizes that have names."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from flan_tasks.core.errors import ModelError, unknown_name
from flan_tasks.core.field_checks import MAX_COUNT, wrong_types

ARCHITECTURES = ("t5", "decoder")
DTYPES = ("float32", "bfloat16")
REMAT = ("none", "dots", "full")
ATTENTION = ("xla", "cudnn")
POSITIONS = ("relative", "rope")
ACTIVATIONS = ("gelu", "gelu_exact", "silu", "relu")
INPUTS_ATTENTION = ("prefix", "causal")
ROPE_SCALINGS = ("none", "linear", "llama3")
# `start_token` of a decoder that begins with its inputs.
NO_START = -1
# Matrices that may have adapters: attention's four and those of the MLP, gated or not.
LORA_TARGETS = ("query", "key", "value", "out", "wi_0", "wi_1", "wi", "wo")
# Vocabularies are padded to this, the width of a TPU register and a multiple of GPU tiles.
VOCABULARY_MULTIPLE = 128
# cuDNN's fused attention on Hopper; older ones take 128.
CUDNN_HEAD_DIM = 256
# Switches that t5 does not have; all are off where they are 0, False or empty.
DECODER_ONLY = (
    *("windows", "start_token", "attention_bias", "query_key_norms", "query_scalar"),
    *("attention_cap", "final_cap", "branch_norms", "offset_norms", "scaled_embedding"),
)


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Everything that decides a network's parameters and how they are computed with.

    Raises:
      ModelError: a value is out of range, or two do not go together; all problems at once.
    """

    architecture: str = "t5"
    """"t5" (encoder-decoder, T5 1.1 or 1.0) or "decoder" (decoder-only)."""
    vocabulary_size: int
    """Number of ids of the vocabulary, before padding."""
    embed: int
    """Width of the residual stream."""
    layers: int
    """Layers; of the encoder, for t5."""
    decoder_layers: int = 0
    """Layers of the decoder, for t5; 0 means as many as the encoder's."""
    heads: int
    """Attention heads of queries."""
    kv_heads: int = 0
    """Heads of keys and values, each shared by heads / kv_heads queries; 0 means `heads`."""
    head_dim: int = 64
    """Width of a head."""
    mlp: int
    """Width of the MLP."""
    activation: str = "gelu"
    """Its function: "gelu" (tanh form), "gelu_exact" (by the error function), "silu" or "relu"."""
    gated: bool = True
    """Whether a second product multiplies what the function gives (T5 1.1), or none does (T5
    1.0)."""
    positions: str = "relative"
    """"relative" (T5's bucketed bias) or "rope" (decoder only)."""
    relative_buckets: int = 32
    """Buckets of the relative bias."""
    relative_distance: int = 128
    """Distance from which all positions share the last bucket."""
    rope_theta: float = 10_000.0
    """Base of RoPE's wavelengths."""
    rope_local_theta: float = 0.0
    """Base of those of layers with a window, which are never scaled; 0 means as the others."""
    rope_scaling: str = "none"
    """How wavelengths are stretched for longer texts: "none", "linear" or "llama3"."""
    rope_factor: float = 1.0
    """By how much they are stretched."""
    rope_low_frequency: float = 1.0
    """llama3: wavelengths over rope_length / this are stretched whole."""
    rope_high_frequency: float = 4.0
    """llama3: wavelengths under rope_length / this are left as they are."""
    rope_length: int = 8192
    """llama3: length of the texts before stretching."""
    windows: tuple[int, ...] = ()
    """Tokens that a layer sees, itself the last: of the first layer, the second and so on, from the
    first again where they end; 0 is all, and none means all in every layer. Decoder only."""
    inputs_attention: str = "prefix"
    """Whether inputs see each other both ways ("prefix") or backward only; decoder only."""
    start_token: int = 0
    """What the decoder reads before the inputs, or -1 for nothing; 0 for t5."""
    attention_bias: bool = False
    """Whether queries, keys and values have biases (Qwen 2); decoder only."""
    query_key_norms: bool = False
    """Whether each head's queries and keys are normed before RoPE (Qwen 3); decoder only."""
    query_scalar: float = 0.0
    """Logits of attention are scaled by this ** -0.5; 0 means head_dim. Decoder only."""
    attention_cap: float = 0.0
    """Bound c of attention's logits, c tanh(x / c) (Gemma 2); 0 is none. Decoder only."""
    final_cap: float = 0.0
    """The same of the head's logits."""
    branch_norms: bool = False
    """Whether what a branch gives is normed too (Gemma 2); decoder only."""
    offset_norms: bool = False
    """Whether norms scale by 1 + w (Gemma), not by w; decoder only."""
    scaled_embedding: bool = False
    """Whether embeddings are scaled by embed ** 0.5 (Gemma); decoder only."""
    max_positions: int = 0
    """Longest text that an exported model is said to take; 0 says 8,192. Computes nothing."""
    tied_head: bool = False
    """Whether the head is the embedding."""
    scaled_head: bool = True
    """Whether a tied head is scaled by embed ** -0.5."""
    head_rows: int = 0
    """Rows of embedding and head that are outputs; 0 means the vocabulary, padded to a multiple of
    128. A model of others may have fewer or more, and its softmax is over these alone."""
    norm_epsilon: float = 1e-6
    """Added to the mean square in norms."""
    dropout: float = 0.0
    """Dropout of embeddings, residual branches, MLP and attention probabilities (not with
    cudnn)."""
    dtype: str = "float32"
    """What is computed in; parameters, norms, softmax and logits are float32."""
    remat: str = "none"
    """What the backward pass computes again: "none", "dots" (all but matrix products) or "full"."""
    attention: str = "xla"
    """"xla", the reference, or "cudnn", fused, on GPU in bfloat16."""
    lora_rank: int = 0
    """Rank of LoRA adapters; 0 means none."""
    lora_alpha: float = 16.0
    """Adapters add (alpha / rank) A B."""
    lora_targets: tuple[str, ...] = ("query", "value")
    """Matrices with adapters."""
    prompt_length: int = 0
    """Vectors of a soft prompt, which stands before the inputs; 0 means none."""

    def __post_init__(self) -> None:
        # From JSON and gin a tuple comes as a list.
        for name in ("lora_targets", "windows"):
            if isinstance(value := getattr(self, name), list):
                object.__setattr__(self, name, tuple(value))
        self._refuse([f"{name} {what}" for name, what in wrong_types(self)])
        if not self.decoder_layers and self.architecture == "t5":
            object.__setattr__(self, "decoder_layers", self.layers)
        if not self.kv_heads:
            object.__setattr__(self, "kv_heads", self.heads)
        # What the values mean together is clear once each is in range.
        self._refuse(self._wrong_values() or self._wrong_pairs())

    def _refuse(self, lines: list[str]) -> None:
        if lines:
            known = {part.name for part in dataclasses.fields(self)}
            first = [line.split(" ", 1)[0] for line in lines]
            named = [name if name in known else "" for name in first]
            raise ModelError(
                "the model cannot be made: " + "; ".join(lines),
                problems=zip(named, lines, strict=True),
            )

    @property
    def padded_vocabulary(self) -> int:
        """Rows of the embedding and columns of the head: a multiple of 128."""
        return padded_size(max(self.vocabulary_size, self.head_rows))

    @property
    def outputs(self) -> int:
        """Number of logits: what the softmax is over."""
        return self.head_rows or self.padded_vocabulary

    def fits_vocabulary(self, size: int) -> bool:
        """Whether ids of a vocabulary of this size are those the embedding is for.

        Sizes that pad to the same one fit: T5's files say 32,128 for 32,100 pieces.
        """
        return size <= self.outputs and padded_size(size) == padded_size(self.vocabulary_size)

    def to_json(self) -> dict[str, Any]:
        """Returns the fields for JSON; `ModelConfig.from_json` reads them."""
        tuples = {"lora_targets": list(self.lora_targets), "windows": list(self.windows)}
        return {**dataclasses.asdict(self), **tuples}

    @property
    def has_adapters(self) -> bool:
        """Whether there is something to train besides the base: LoRA, or a soft prompt."""
        return bool(self.lora_rank or self.prompt_length)

    @property
    def starts(self) -> tuple[int, ...]:
        """What a decoder-only model reads before its inputs: one token, or none."""
        return () if self.start_token == NO_START else (self.start_token,)

    @property
    def layer_windows(self) -> tuple[int, ...]:
        """The window of each layer; 0 is none."""
        count = len(self.windows)
        return tuple(self.windows[n % count] if count else 0 for n in range(self.layers))

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "ModelConfig":
        """Returns the configuration of what `to_json` returned.

        Raises:
          UnknownNameError: a field is none of ours.
          ModelError: a required field is missing, or a value is out of range.
        """
        known = {field.name: field for field in dataclasses.fields(cls)}
        for name in fields:
            if name not in known:
                raise unknown_name("field of a model", name, known)
        missing = [n for n, f in known.items() if f.default is dataclasses.MISSING]
        missing = [n for n in missing if n not in fields]
        if missing:
            raise ModelError(f"the model's configuration has no {', '.join(missing)}")
        return cls(**fields)

    def _wrong_values(self) -> list[str]:
        wrong = []
        for name, allowed in (
            ("architecture", ARCHITECTURES),
            ("dtype", DTYPES),
            ("remat", REMAT),
            ("attention", ATTENTION),
            ("positions", POSITIONS),
            ("activation", ACTIVATIONS),
            ("inputs_attention", INPUTS_ATTENTION),
            ("rope_scaling", ROPE_SCALINGS),
        ):
            if getattr(self, name) not in allowed:
                wrong.append(f'{name} is "{getattr(self, name)}"; wanted {", ".join(allowed)}')
        whole = (
            "vocabulary_size embed layers heads kv_heads head_dim mlp relative_distance rope_length"
        )
        for name in whole.split():
            wrong += self._not_whole(name, least=1)
        wrong += self._not_whole("relative_buckets", least=4)
        for name in ("decoder_layers", "lora_rank", "prompt_length", "head_rows", "max_positions"):
            wrong += self._not_whole(name, least=0)
        wrong += self._not_whole("start_token", least=NO_START)
        if any(not 0 <= window <= MAX_COUNT for window in self.windows):
            wrong.append(f"windows is {self.windows}; wanted numbers of tokens, 0 for all")
        if not 0 <= self.dropout < 1:
            wrong.append(f"dropout is {self.dropout}; wanted 0 <= dropout < 1")
        positive = "norm_epsilon rope_theta lora_alpha rope_factor rope_low_frequency"
        for name in positive.split():
            if not getattr(self, name) > 0:
                wrong.append(f"{name} is {getattr(self, name)}; wanted a positive number")
        for name in ("rope_local_theta", "query_scalar", "attention_cap", "final_cap"):
            if getattr(self, name) < 0:
                wrong.append(f"{name} is {getattr(self, name)}; wanted a positive number, or 0")
        odd = [t for t in self.lora_targets if t not in LORA_TARGETS]
        if odd:
            wrong.append(f"lora_targets has {', '.join(odd)}; wanted of {', '.join(LORA_TARGETS)}")
        return wrong

    def _not_whole(self, name: str, *, least: int) -> list[str]:
        value = getattr(self, name)
        if least <= value <= MAX_COUNT:
            return []
        return [f"{name} is {value}; wanted a whole number, at least {least}, at most {MAX_COUNT}"]

    def _wrong_pairs(self) -> list[str]:
        wrong = []
        if self.heads % self.kv_heads:
            wrong.append(f"kv_heads ({self.kv_heads}) does not divide heads ({self.heads})")
        if self.architecture == "t5":
            if self.kv_heads != self.heads:
                wrong.append("t5 shares no keys among heads; leave kv_heads at 0")
            if self.positions != "relative":
                wrong.append('t5 has positions "relative"; "rope" is for decoder')
            wrong += [f"{n} is for decoder" for n in DECODER_ONLY if getattr(self, n)]
        elif self.decoder_layers:
            wrong.append("decoder_layers is for t5; a decoder has layers")
        if self.relative_buckets % 4:
            wrong.append(f"relative_buckets is {self.relative_buckets}; wanted a multiple of 4")
        elif self.relative_distance <= self.relative_buckets // 2:
            wrong.append("relative_distance must be over half of relative_buckets")
        if self.start_token >= self.outputs:
            wrong.append(f"start_token is {self.start_token:,}, beyond the {self.outputs:,} ids")
        if self.rope_high_frequency <= self.rope_low_frequency:
            wrong.append("rope_high_frequency must be over rope_low_frequency")
        if self.positions == "rope" and self.head_dim % 2:
            wrong.append(f"head_dim is {self.head_dim}; rope turns pairs, so it must be even")
        if self.lora_rank and self.prompt_length:
            wrong.append("lora_rank and prompt_length are both set; train one of the two")
        if self.lora_rank and not self.lora_targets:
            wrong.append("lora_rank is set and lora_targets is empty")
        absent = ("wi",) if self.gated else ("wi_0", "wi_1")
        if self.lora_rank and (targets := [t for t in self.lora_targets if t in absent]):
            wrong.append(
                f"lora_targets has {', '.join(targets)}, and the MLP is "
                f"{'gated: wi_0, wi_1' if self.gated else 'not gated: wi'}"
            )
        if self.head_rows and self.vocabulary_size > self.head_rows:
            wrong.append(
                f"head_rows is {self.head_rows:,}; wanted at least the {self.vocabulary_size:,} "
                "ids of the vocabulary"
            )
        if self.attention == "cudnn":
            wrong += self._wrong_for_cudnn()
        return wrong

    def _wrong_for_cudnn(self) -> list[str]:
        wrong = []
        if self.prompt_length and self.architecture == "decoder":
            wrong.append('attention "cudnn" reads one block of keys; prompt_length wants "xla"')
        if self.attention_cap:
            wrong.append('attention "cudnn" bounds no logits; attention_cap wants "xla"')
        if self.dtype != "bfloat16":
            wrong.append(f'attention "cudnn" computes in bfloat16; dtype is "{self.dtype}"')
        if self.head_dim % 8 or self.head_dim > CUDNN_HEAD_DIM:
            wrong.append(
                f'attention "cudnn" wants head_dim a multiple of 8 up to {CUDNN_HEAD_DIM}; '
                f"it is {self.head_dim}"
            )
        return wrong


def padded_size(size: int) -> int:
    """The next multiple of 128."""
    return -(-size // VOCABULARY_MULTIPLE) * VOCABULARY_MULTIPLE


# embed, layers (of each stack), heads, kv_heads, mlp; heads are 64 wide. T5 1.1 from small on:
# Raffel et al. 2020 and the t5x configurations of 1.1. The decoder's sizes are our own.
SIZES: dict[str, dict[str, tuple[int, int, int, int, int]]] = {
    "t5": {
        "tiny": (128, 2, 2, 2, 384),
        "mini": (256, 4, 4, 4, 768),
        "small": (512, 8, 6, 6, 1024),
        "base": (768, 12, 12, 12, 2048),
        "large": (1024, 24, 16, 16, 2816),
        "xl": (2048, 24, 32, 32, 5120),
        "xxl": (4096, 24, 64, 64, 10240),
    },
    "decoder": {
        "mini": (256, 8, 4, 2, 768),
        "small": (512, 8, 8, 2, 1536),
        "base": (768, 12, 12, 4, 2304),
        "large": (1024, 24, 16, 4, 3072),
    },
}


def sized(architecture: str, size: str, *, vocabulary_size: int) -> ModelConfig:
    """Returns the configuration of a named size; `dataclasses.replace` changes the rest.

    Raises:
      UnknownNameError: there is no such architecture or size.
    """
    if architecture not in SIZES:
        raise unknown_name("architecture", architecture, SIZES)
    if size not in SIZES[architecture]:
        raise unknown_name(f"size of {architecture}", size, SIZES[architecture])
    embed, layers, heads, kv_heads, mlp = SIZES[architecture][size]
    decoder = architecture == "decoder"
    return ModelConfig(
        architecture=architecture,
        vocabulary_size=vocabulary_size,
        embed=embed,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        mlp=mlp,
        positions="rope" if decoder else "relative",
        activation="silu" if decoder else "gelu",
        tied_head=decoder,
    )
