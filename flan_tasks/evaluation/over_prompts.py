"""The numbers of a data set whose prompts are datasets of their own, as those of P3 are.

T0 reports the median over the prompts of a data set and their interquartile range (Sanh et al.
2022, section 6).
"""

from collections.abc import Mapping, Sequence

from flan_tasks.evaluation.summary import DatasetScore, Spread, TemplateScore, spread_over


def over_prompts(
    scores: Sequence[DatasetScore], data_sets: Mapping[str, str]
) -> dict[str, tuple[Spread, ...]]:
    """Returns data set -> each of its numbers over its prompts, by split and way to an answer.

    Args:
      scores: of datasets that are one prompt each; of several templates, each is a prompt.
      data_sets: dataset -> the data set that it is a prompt of; others are left out.
    """
    prompts: dict[str, dict[tuple[str, str], list[TemplateScore]]] = {}
    for score in scores:
        if score.dataset in data_sets:
            groups = prompts.setdefault(data_sets[score.dataset], {})
            for one in score.templates:
                groups.setdefault((one.way, one.split), []).append(one)
    return {
        data_set: tuple(
            spread_over(number, split, way, group)
            for (way, split), group in groups.items()
            for number in group[0].scores
            if all(number in one.scores for one in group)
        )
        for data_set, groups in prompts.items()
    }


def prompts_table(
    scores: Sequence[DatasetScore], data_sets: Mapping[str, str]
) -> tuple[list[str], list[list[str]]]:
    """Returns the columns and lines of data sets with several prompts; no line without any."""
    lines = [
        [
            data_set,
            spread.number,
            spread.split,
            spread.way,
            str(spread.num_templates),
            f"{spread.median:.1f}",
            f"{spread.quartiles[0]:.1f}-{spread.quartiles[1]:.1f}",
            f"{spread.lowest:.1f}-{spread.highest:.1f}",
        ]
        for data_set, spreads in over_prompts(scores, data_sets).items()
        for spread in spreads
        if spread.quartiles is not None and spread.median is not None
    ]
    columns = ["data set", "metric", "split", "by", "prompts", "median", "quartiles", "range"]
    return columns, lines
