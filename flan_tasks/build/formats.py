"""Names of the output formats and of the styles of the text formats; imports nothing."""

FORMATS = ("jsonl", "parquet", "tfrecord", "arrayrecord", "seqio-cache")
STYLES = ("inputs-targets", "prompt-completion", "messages")
