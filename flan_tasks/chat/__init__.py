"""Conversations as a tokenizer's own chat template renders them: ids, and which are trained on."""
