"""Names of output formats, their styles, architectures and objectives; imports nothing."""

FORMATS = (
    "jsonl",
    "parquet",
    "tfrecord",
    "arrayrecord",
    "seqio-cache",
    "arrays",
    "packed-tfrecord",
)
# Those of texts, which have styles and which `datasets` reads.
TEXT_FORMATS = ("jsonl", "parquet")
ARRAYS = "arrays"
# Those of token rows, in which several examples stand.
PACKED_FORMATS = ("arrays", "packed-tfrecord")
STYLES = ("inputs-targets", "prompt-completion", "messages", "alpaca", "sharegpt")
ENCODER_DECODER = "encoder-decoder"
DECODER = "decoder"
ARCHS = (ENCODER_DECODER, DECODER)
# What a model learns of examples: to answer prompts, or to fill gaps in their texts (Raffel et al.
# 2020).
ANSWERS, SPAN_CORRUPTION = "instructions", "span_corruption"
OBJECTIVES = (ANSWERS, SPAN_CORRUPTION)
# Where shards lie in a build directory. Nothing else does: trainers that are given a folder read
# every file in it. A SeqIO cache has a layout of its own.
DATA = "data"
