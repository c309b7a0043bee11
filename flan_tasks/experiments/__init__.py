"""Experiments, run from their files: a build, a training run and an evaluation, each a step."""
