"""Checkpoints of the trainer: written whole, compared with their hashes, restored."""

from flan_tasks.core import extras

extras.require("jax", "flax", "orbax", "numpy", what="A checkpoint")
