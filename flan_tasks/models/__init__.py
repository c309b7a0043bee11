"""Architectures, their layout on devices, and weights of transformers; nothing of training."""

from flan_tasks.core import extras

extras.require("jax", "flax", "numpy", what="A model")
