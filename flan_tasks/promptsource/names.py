"""Names of P3's subtasks, as P3 makes them of a data set and a template."""

import re

# As t-zero's task_clean: every run of other characters becomes one underscore.
_OTHER = re.compile(r"[^\w.]+")
# ANLI's rounds are splits of one data set, and subtasks of their own in P3.
ANLI = "anli"
ANLI_ROUNDS = (1, 2, 3)


def subtask_name(dataset: str, subset: str, template: str, *, anli_round: int = 0) -> str:
    """The name of a template's subtask.

    Args:
      dataset: the data set's name on the hub.
      subset: its configuration; empty where it has none.
      template: the template's name.
      anli_round: 1 to 3 for ANLI, which P3 names by round; 0 for every other data set.
    """
    words = "_".join(filter(None, (dataset, subset, template)))
    ending = f"_r{anli_round}" if anli_round else ""
    return _OTHER.sub("_", words) + ending


def source_split(split: str, *, anli_round: int = 0) -> str:
    """The split of the hub that a split of P3 is read from."""
    if not anli_round:
        return split
    return f"{'dev' if split == 'validation' else split}_r{anli_round}"
