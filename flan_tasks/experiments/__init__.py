"""Experiments, run from their files: points of the paper, and studies of factors with seeds.

A point is a build, a training run and an evaluation (`points`). A study is a file that says what is
varied (`specs.study`): `runs` makes the steps of each of its runs, `queue` carries them out and
keeps what came of them, `results` says what they come to. Each step is a job of `flan_tasks.jobs`
with its specification (`steps`).
"""
