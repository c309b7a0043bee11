"""Names of the output formats, their styles and architectures; imports nothing."""

FORMATS = (
    "jsonl",
    "parquet",
    "tfrecord",
    "arrayrecord",
    "seqio-cache",
    "arrays",
    "packed-tfrecord",
)
STYLES = ("inputs-targets", "prompt-completion", "messages")
ENCODER_DECODER = "encoder-decoder"
DECODER = "decoder"
ARCHS = (ENCODER_DECODER, DECODER)
