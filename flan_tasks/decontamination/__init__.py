"""Training examples that stand in evaluation sets: fingerprints of texts, and matches."""
