"""Instruction mixtures from public datasets, as SeqIO tasks and as files for any trainer."""

__version__ = "0.1.0"
