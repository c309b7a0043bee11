"""Tasks and mixtures of SeqIO that read the engine."""
