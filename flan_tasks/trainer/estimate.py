"""What a model costs before it runs: parameters and floating-point operations.

Only matrix products are counted, a multiply and an add as two operations. Recomputation by remat
is not counted, so that utilization computed from these is that of the model, not of the hardware.
"""

from dataclasses import dataclass

import jax

from flan_tasks.models.model import Model
from flan_tasks.specs.model_config import ModelConfig

# Forward once, backward twice: gradients of the weights and of what goes in.
TRAINING = 3


@dataclass(frozen=True)
class Flops:
    """Floating-point operations of one packed row, forward and backward."""

    weights: int
    """3 * 2 * (weights a token meets) * (tokens), summed over the row."""
    attention: int
    """3 * 2 * 2 * heads * head_dim * (queries * keys), summed over layers."""

    @property
    def total(self) -> int:
        return self.weights + self.attention


def parameter_count(model: Model) -> int:
    """Returns the number of parameters, padding of the vocabulary and adapters included."""
    return sum(leaf.size for leaf in jax.tree.leaves(model.abstract()))


def training_flops(config: ModelConfig, *, inputs: int, targets: int) -> Flops:
    """Returns the operations of one training step on one row of `inputs` and `targets` tokens.

    A decoder-only row is inputs + targets long. For encoder-decoder, inputs meet the encoder and
    the keys and values of cross-attention, targets the rest and the head. Attention counts the
    whole rectangle, masked or not, as Chowdhery et al. 2022 do for MFU; padding counts as tokens.
    The embedding is a lookup and counts nothing. Adapters and soft prompts are left out.
    """
    wide, narrow = config.heads * config.head_dim, config.kv_heads * config.head_dim
    queries, keys = 2 * config.embed * wide, 2 * config.embed * narrow  # with out, with value
    mlp = (3 if config.gated else 2) * config.embed * config.mlp
    head = config.embed * config.padded_vocabulary
    if config.architecture == "t5":
        encoder = config.layers * (queries + keys + mlp) * inputs
        decoder = config.decoder_layers * (2 * queries + keys + mlp) * targets
        crossed = config.decoder_layers * keys * inputs
        products = encoder + decoder + crossed + head * targets
        pairs = config.layers * inputs**2 + config.decoder_layers * (targets + inputs) * targets
    else:
        length = inputs + targets
        products = (config.layers * (queries + keys + mlp) + head) * length
        pairs = config.layers * length**2
    return Flops(weights=TRAINING * 2 * products, attention=TRAINING * 2 * 2 * wide * pairs)


def flops_per_token(config: ModelConfig, *, inputs: int, targets: int) -> float:
    """Returns a training step's operations for each token of a full row, of inputs and targets."""
    return training_flops(config, inputs=inputs, targets=targets).total / (inputs + targets)


def state_bytes(model: Model, *, moments: int = 0) -> int:
    """Returns bytes of parameters, gradients and `moments` more copies, all float32."""
    return 4 * parameter_count(model) * (2 + moments)
