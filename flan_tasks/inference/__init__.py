"""A model that answers: scores of options, generated texts, prompts pooled into batches."""

from flan_tasks.core import extras

extras.require("jax", "flax", "numpy", what="A model")
