"""Packed rows as the features T5X's models take; what a build need not store is derived here.

Names and values are those of SeqIO's feature converters (EncDec, and PrefixLM for decoders) over
packed rows. `segment_tasks` is ours: the number of the task that each decoder position belongs to.
"""

import numpy as np

from flan_tasks.specs.formats import DECODER, ENCODER_DECODER

# The stored arrays of each kind of model, in the order of the files: name -> its length among those
# of the manifest.
STORED = {
    ENCODER_DECODER: {
        "inputs": "inputs",
        "inputs_segment_ids": "inputs",
        "targets": "targets",
        "targets_segment_ids": "targets",
    },
    DECODER: {"tokens": "row", "segment_ids": "row", "loss_mask": "row"},
}
# The other arrays: where the examples of each row begin; for each example its row of the plan and
# the number of its task.
OFFSETS, EXAMPLES, TASKS = "offsets", "examples", "tasks"
# The stored array that tells the examples of a row apart on the decoder's side.
DECODER_SEGMENTS = {ENCODER_DECODER: "targets_segment_ids", DECODER: "segment_ids"}


def array_names(arch: str) -> tuple[str, ...]:
    """Returns the names of all arrays of a shard, in the order of its files."""
    return (*STORED[arch], OFFSETS, EXAMPLES, TASKS)


def features(
    arch: str, stored: dict[str, np.ndarray], *, chat: bool = False
) -> dict[str, np.ndarray]:
    """Returns the features of stored rows, int32[rows, length] each, given and returned.

    Args:
      arch: `encoder-decoder` or `decoder`.
      stored: the arrays of STORED.
      chat: whether examples are conversations, which are read as models that chat read them: from
        left to right, with nothing before their first token.
    """
    if arch == ENCODER_DECODER:
        encoder, segments = stored["inputs_segment_ids"], stored["targets_segment_ids"]
        return {
            "encoder_input_tokens": stored["inputs"],
            "encoder_segment_ids": encoder,
            "encoder_positions": positions(encoder),
            "decoder_target_tokens": stored["targets"],
            "decoder_input_tokens": shifted(stored["targets"], segments),
            "decoder_loss_weights": (segments > 0).astype(np.int32),
            "decoder_segment_ids": segments,
            "decoder_positions": positions(segments),
        }
    segments = stored["segment_ids"]
    if chat:
        return _chat_features(stored["tokens"], segments, stored["loss_mask"])
    # A position attends both ways where what it is given belongs to the inputs: the start symbol
    # or a token without loss.
    given_target = shifted(stored["loss_mask"], segments)
    return {
        "decoder_target_tokens": stored["tokens"],
        "decoder_input_tokens": shifted(stored["tokens"], segments),
        "decoder_loss_weights": stored["loss_mask"],
        "decoder_segment_ids": segments,
        "decoder_positions": positions(segments),
        "decoder_causal_attention": ((segments > 0) & (given_target == 0)).astype(np.int32),
    }


def begun(features: dict[str, np.ndarray], starts: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Returns features as a model reads them that begins otherwise than with 0.

    Args:
      features: as `features` and SeqIO's converters give them: the decoder reads every example
        behind a 0.
      starts: what it reads in place of the 0, one token or none. With none, of decoder-only
        models, the first token of an example is read and not predicted.
    """
    if starts == (0,):
        return features
    segments = features["decoder_segment_ids"]
    if starts:
        is_first = (segments > 0) & (features["decoder_positions"] == 0)
        read = np.where(is_first, starts[0], features["decoder_input_tokens"]).astype(np.int32)
        return {**features, "decoder_input_tokens": read}
    tokens, weights = features["decoder_target_tokens"], features["decoder_loss_weights"]
    return {
        **features,
        "decoder_input_tokens": tokens,
        "decoder_target_tokens": followed(tokens, segments),
        "decoder_loss_weights": followed(weights, segments),
        "decoder_causal_attention": ((segments > 0) & (weights == 0)).astype(np.int32),
    }


def _chat_features(
    tokens: np.ndarray, segments: np.ndarray, mask: np.ndarray
) -> dict[str, np.ndarray]:
    # Where the first token is to be said, a start symbol would be given, which the model does not
    # know. Nobody says that token and nobody looks there: the place is none of the conversation's.
    begins = (segments > 0) & (positions(segments) == 0)
    seen = np.where(begins, 0, segments)
    return {
        "decoder_target_tokens": tokens,
        "decoder_input_tokens": shifted(tokens, segments),
        "decoder_loss_weights": mask,
        "decoder_segment_ids": seen,
        "decoder_positions": positions(seen),
        "decoder_causal_attention": np.zeros_like(segments),
    }


def positions(segments: np.ndarray) -> np.ndarray:
    """Counts from 0 inside each segment; 0 on padding: int32[rows, length]."""
    places = np.arange(segments.shape[1], dtype=np.int32)
    starts = np.zeros(segments.shape, np.int32)
    starts[:, 1:] = places[1:] * (segments[:, 1:] != segments[:, :-1])
    since_start = places - np.maximum.accumulate(starts, axis=1)
    return since_start * (segments > 0)


def shifted(tokens: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """Moves tokens one place to the right inside each segment, 0 first: int32[rows, length]."""
    moved = np.zeros_like(tokens)
    moved[:, 1:] = tokens[:, :-1] * ((segments[:, 1:] == segments[:, :-1]) & (segments[:, 1:] > 0))
    return moved


def followed(tokens: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """Moves tokens one place to the left inside each segment, 0 last: int32[rows, length]."""
    moved = np.zeros_like(tokens)
    moved[:, :-1] = tokens[:, 1:] * ((segments[:, 1:] == segments[:, :-1]) & (segments[:, 1:] > 0))
    return moved
