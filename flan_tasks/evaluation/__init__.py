"""Prompts that are asked, answers that are kept, scores per template and their tables."""
