"""Columns of the text formats, in the three styles trainers read."""

from flan_tasks.build.rows import BuiltRow


def columns(row: BuiltRow, *, style: str, split: str) -> dict[str, object]:
    """Returns a row's columns; texts are never trimmed.

    Args:
      row: the row.
      style: inputs-targets, prompt-completion or messages.
      split: train, validation or test.
    """
    if style == "messages":
        texts: dict[str, object] = {
            "messages": [
                {"role": "user", "content": row.inputs},
                {"role": "assistant", "content": row.targets},
            ]
        }
    elif style == "prompt-completion":
        texts = {"prompt": row.inputs, "completion": row.targets}
    else:
        texts = {"inputs": row.inputs, "targets": row.targets}
    about = row.about
    names = ("task", "dataset", "cluster", "template", "kind", "num_shots", "key")
    return {
        **texts,
        **{name: about[name] for name in names},
        "split": split,
        "options": about["options"],
        "license": about["license"],
    }
