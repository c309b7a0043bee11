"""The engine: from examples to a verified directory of shards."""
