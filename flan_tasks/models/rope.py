"""Wavelengths of RoPE in each layer, stretched for longer texts where the configuration says so."""

import numpy as np

from flan_tasks.specs.model_config import ModelConfig


def layer_waves(config: ModelConfig) -> np.ndarray:
    """Returns radians a position, float32[layers, head_dim / 2].

    Layers with a window have a base of their own where there is one (Gemma 3), which is not
    stretched.
    """
    half = config.head_dim // 2
    exponents = -np.arange(half, dtype=np.float64) / half
    usual = _stretched(config.rope_theta**exponents, config)
    local = config.rope_local_theta**exponents if config.rope_local_theta else usual
    waves = [local if window else usual for window in config.layer_windows]
    return np.stack(waves).astype(np.float32)


def _stretched(waves: np.ndarray, config: ModelConfig) -> np.ndarray:
    """Returns waves for longer texts: all of them slower, or, as in Llama 3.1, the slow ones.

    Linear: Chen et al. 2023. llama3: a wave that is longer than rope_length / low is slower by the
    factor, one shorter than rope_length / high is as it was, and those between are mixed by where
    rope_length / wavelength lies between low and high (Llama Team 2024, as transformers has it).
    """
    if config.rope_scaling == "none":
        return waves
    slower = waves / config.rope_factor
    if config.rope_scaling == "linear":
        return slower
    low, high = config.rope_low_frequency, config.rope_high_frequency
    turns = config.rope_length * waves / (2 * np.pi)
    share = np.clip((turns - low) / (high - low), 0.0, 1.0)
    return share * waves + (1 - share) * slower
