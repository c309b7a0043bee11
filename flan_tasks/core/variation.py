"""Prompt variations: which templates, how many exemplars, whether and how options stand there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flan_tasks.core.errors import DeclarationError, unknown_name
from flan_tasks.core.field_types import check_types
from flan_tasks.core.template import ANSWER, FORWARD, KINDS, OPTIONS, Template

FIXED, SHUFFLED = "fixed", "shuffled"
OPTION_ORDERS = (FIXED, SHUFFLED)
FULL, INPUTS_ONLY, DATASET_NAME = "full", "inputs_only", "dataset_name"
INSTRUCTIONS = (FULL, INPUTS_ONLY, DATASET_NAME)
MOST_SHOTS = 64


@dataclass(frozen=True, kw_only=True)
class Variation:
    """How prompts are made of examples; the same everywhere: task, mixture, build and evaluation.

    Raises:
      DeclarationError: with everything that has the wrong type, or else is out of range.
    """

    shots: int = 0
    """Exemplars before each query, at most: those that do not fit the token budget are left out."""
    options: bool = True
    """Whether prompts show the options."""
    option_order: str = FIXED
    """One of OPTION_ORDERS; shuffled anew for each example and epoch."""
    templates: tuple[str, ...] | None = None
    """Template ids drawn among, "hence" or "rte.hence"; None means all of `kinds`."""
    kinds: tuple[str, ...] | None = None
    """Kinds drawn among; None means those of the mixture for train, forward elsewhere."""
    num_templates: int | None = None
    """Draw among the first so many of each dataset's; None means all."""
    instructions: str = FULL
    """One of INSTRUCTIONS: the templates, the fields and options alone, or these after the name
    of the dataset (the ablation of Wei et al. 2022, section 4.3)."""

    def __post_init__(self) -> None:
        check_types(self, error=DeclarationError)
        problems = []
        if not 0 <= self.shots <= MOST_SHOTS:
            problems.append(f"shots {self.shots} must be from 0 to {MOST_SHOTS}")
        if self.option_order not in OPTION_ORDERS:
            problems.append(
                f'option_order "{self.option_order}" must be one of {", ".join(OPTION_ORDERS)}'
            )
        if self.num_templates is not None and self.num_templates < 1:
            problems.append(f"num_templates {self.num_templates} must be 1 or more")
        if self.instructions not in INSTRUCTIONS:
            problems.append(
                f'instructions "{self.instructions}" must be one of {", ".join(INSTRUCTIONS)}'
            )
        elif self.instructions != FULL and (self.templates or self.num_templates):
            problems.append(f'instructions "{self.instructions}" leave no templates to choose')
        elif self.instructions != FULL and self.kinds and FORWARD not in self.kinds:
            problems.append(f'instructions "{self.instructions}" are for the kind {FORWARD}')
        for key in ("templates", "kinds"):
            value = getattr(self, key)
            if value is not None and not value:
                problems.append(f"{key} is empty; leave it out for all")
        if set(self.kinds or ()) - set(KINDS):
            problems.append(f"kinds {list(self.kinds or ())} must be among {', '.join(KINDS)}")
        if problems:
            raise DeclarationError("; ".join(problems))

    @property
    def words(self) -> list[str]:
        """The options of the command line that say the same, defaults left out."""
        found = [f"--shots {self.shots}"] if self.shots else []
        found += [] if self.options else ["--options off"]
        found += [f"--option-order {SHUFFLED}"] if self.option_order == SHUFFLED else []
        found += [f"--num-templates {self.num_templates}"] if self.num_templates else []
        found += [f"--instructions {self.instructions}"] if self.instructions != FULL else []
        for name in ("templates", "kinds"):
            value = getattr(self, name)
            found += [f"--{name} {','.join(value)}"] if value is not None else []
        return found

    def choose(
        self,
        dataset: str,
        templates: Sequence[Template],
        split: str,
        *,
        kinds: Sequence[str] = KINDS,
    ) -> tuple[Template, ...]:
        """Returns the templates to draw among, in the order of the file.

        Args:
          dataset: whose templates.
          templates: all of them.
          split: train, validation or test.
          kinds: those of the mixture, for train.

        Raises:
          DeclarationError: templates are named, and none of this dataset is left.
        """
        wanted = self.wanted(dataset)
        allowed = self.kinds or (tuple(kinds) if split == "train" else (FORWARD,))
        found = tuple(
            template
            for template in templates
            if (wanted is None or template.id in wanted) and template.kind in allowed
        )
        if not found and (wanted is not None or self.kinds is not None):
            raise DeclarationError(
                f"{dataset}: no template is left for {split}: of kind {' or '.join(allowed)}"
                + (f", among {', '.join(sorted(wanted))}" if wanted is not None else "")
                + f"; it has {', '.join(f'{t.id} ({t.kind})' for t in templates)}"
            )
        if self.instructions != FULL and templates:
            return (without_instruction(dataset, templates, self.instructions),)
        return found[: self.num_templates]

    def check_templates(self, known: Iterable[tuple[str, Sequence[str]]]) -> None:
        """Checks that every template named is one of some dataset's; `known` is (name, ids).

        Raises:
          UnknownNameError: one is not.
        """
        if self.templates is None:
            return
        datasets = dict(known)
        short = {name for ids in datasets.values() for name in ids}
        long = {f"{dataset}.{name}" for dataset, ids in datasets.items() for name in ids}
        for name in self.templates:
            if name not in short | long:
                where = next(iter(datasets)) if len(datasets) == 1 else "these datasets"
                raise unknown_name(f"template of {where}", name, long if "." in name else short)

    def wanted(self, dataset: str) -> set[str] | None:
        """Returns the ids named for a dataset; None is all: none is, or only those of others."""
        if self.templates is None:
            return None
        plain = {name for name in self.templates if "." not in name}
        own = {name.split(".", 1)[1] for name in self.templates if name.startswith(f"{dataset}.")}
        return plain | own or None

    def for_dataset(self, dataset: str, ids: Sequence[str]) -> "Variation":
        """Returns what it means for one dataset by itself; `ids` are those of its templates.

        Where none of the templates named is its own, they stay, for `check_templates` to refuse.
        """
        wanted = self.wanted(dataset)
        if wanted is None:
            return replace(self, templates=None)
        return replace(self, templates=tuple(i for i in ids if i in wanted) or self.templates)


def variation_of(**given: Any) -> Variation:
    """Returns a variation of what was given in Python, where a list stands for a tuple.

    Raises:
      DeclarationError: as when it is made.
    """
    # A lone text stays one, for the variation to refuse: its letters are no names.
    lists = {
        key: tuple(value)
        for key in ("templates", "kinds")
        if (value := given.get(key)) is not None and not isinstance(value, str)
    }
    return Variation(**{**given, **lists})


def without_instruction(dataset: str, templates: Sequence[Template], how: str) -> Template:
    """Returns a template of no wording: a dataset's fields line by line, and its options.

    The fields are those of its first forward template, in their order; so is the target.
    """
    forward = [template for template in templates if template.kind == FORWARD]
    first = forward[0] if forward else templates[0]
    names = [text for is_field, text in first.pieces["inputs", False] if is_field]
    lines = [f"{{{name}}}" for name in dict.fromkeys(names)]
    if any(OPTIONS in template.fields("inputs") for template in forward):
        lines += ["", f"{{{OPTIONS}}}"]
    targets = first.targets if forward else f"{{{ANSWER}}}"
    if how == DATASET_NAME:
        lines = [f"[{dataset}]", *lines]
    return Template(id=how, inputs="\n".join(lines), targets=targets)


# One prompt for one example, options shown in their own order.
PLAIN = Variation()
