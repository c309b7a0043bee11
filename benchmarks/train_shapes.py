"""The models whose training steps are measured, as plain numbers that either side reads."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """A model, and the batches it is measured with."""

    kind: str
    """"t5" (T5 1.1) or "decoder" (a Llama: causal, RoPE, SiLU, the head is the embedding)."""
    embed: int
    """Width of the stream."""
    layers: int
    """Layers; for t5, of each half."""
    heads: int
    """Heads of queries, each of width 64."""
    kv_heads: int
    """Heads of keys and values."""
    mlp: int
    """Width of the MLP."""
    vocabulary: int
    """Ids of the vocabulary, before padding to a multiple of 128."""
    lengths: tuple[int, ...]
    """Tokens of a packed row: of inputs and targets for t5, of all for a decoder."""
    rows: int
    """Packed rows of a batch, for 80 GB."""

    @property
    def padded_vocabulary(self) -> int:
        """Rows of the embedding."""
        return -(-self.vocabulary // 128) * 128


def _t5(embed: int, layers: int, heads: int, mlp: int, rows: int) -> Shape:
    return Shape("t5", embed, layers, heads, heads, mlp, 32_100, (1024, 256), rows)


SHAPES = {
    "tiny": _t5(128, 2, 2, 384, 64),
    "mini": _t5(256, 4, 4, 768, 64),
    "small": _t5(512, 8, 6, 1024, 64),
    "base": _t5(768, 12, 12, 2048, 32),
    "large": _t5(1024, 24, 16, 2816, 16),
    "xl": _t5(2048, 24, 32, 5120, 4),
    "decoder-tiny": Shape("decoder", 128, 2, 2, 1, 384, 32_100, (2048,), 8),
    # Of the shape of Llama 3.2 1B: 1,235,814,400 parameters.
    "decoder-1b": Shape("decoder", 2048, 16, 32, 8, 8192, 128_256, (2048,), 8),
}
