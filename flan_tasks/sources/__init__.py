"""Where raw rows come from: TFDS, the Hugging Face hub, files, the embedded rows."""
