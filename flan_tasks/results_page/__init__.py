"""The page of evaluations and training runs: what `flan results` writes, in one file.

It reads what an evaluation keeps (scores, settings, answers) and a run's metrics; it computes no
number that is there already.
"""
