"""A member of a family: what its index says of one task."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.field_types import check_types, quoted
from flan_tasks.core.naming import check_cluster_name, check_member_name, member_name
from flan_tasks.core.splits import SPLITS


@dataclass(frozen=True, kw_only=True)
class Member:
    """One task of a family, as a line of its index says.

    Raises:
      DeclarationError: a value has the wrong type or form.
    """

    source_name: str
    """What the source calls it."""
    cluster: str
    """The ability it tests."""
    license: str = ""
    """Its license where it is not the family's."""
    citation: str = ""
    """What to cite where it is not the family's."""
    languages: tuple[str, ...] = ()
    """Languages of its texts; empty for the family's."""
    answer_language: str = ""
    """Language of the answers where it has several."""
    overlaps: tuple[str, ...] = ()
    """What holds some of the same text: datasets, families, or tasks of families."""
    data_sets: tuple[str, ...] = ()
    """Data sets that it was made of and that stand in families alone, such as `social_i_qa`: tasks
    of any family that are made of one share its text."""
    size: Mapping[str, int] = field(default_factory=dict)
    """Source split -> rows."""
    splits: tuple[str, ...] = ()
    """Those of train, validation and test it takes part in; empty for all that the family has. What
    would be carved for the others stays with these."""
    in_default_mixtures: bool = True
    """False for a task that is left out where its family or cluster is named."""
    has_options: bool = True
    """False for a task whose examples have no options where those of its family have."""
    metrics: tuple[str, ...] = ()
    """Names of metrics where they are not the family's."""
    templates: tuple[str, ...] = ()
    """Ids of the family's templates that are its own; empty for all of them."""
    table: str = ""
    """The table it is made of, where members of its family share tables."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else the source says of it, such as a category: for readers and for the normalizer."""

    def __post_init__(self) -> None:
        check_types(self, f"task {quoted(self.source_name)}", error=DeclarationError)
        problems = [
            *check_member_name(self.name),
            *check_cluster_name(self.cluster),
            *(
                f'split "{split}" must be one of {", ".join(SPLITS)}'
                for split in self.splits
                if split not in SPLITS
            ),
        ]
        if problems:
            raise DeclarationError(f"task {quoted(self.source_name)}: " + "; ".join(problems))

    @cached_property
    def name(self) -> str:
        """Its name within the family: the source's in lower case, with `_` for other characters."""
        return member_name(self.source_name)
