"""Prompt variations: which templates, how many exemplars, whether and how options stand there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flan_tasks.core.errors import DeclarationError, unknown_name
from flan_tasks.core.template import FORWARD, KINDS, Template

FIXED, SHUFFLED = "fixed", "shuffled"
OPTION_ORDERS = (FIXED, SHUFFLED)
MOST_SHOTS = 64


@dataclass(frozen=True, kw_only=True)
class Variation:
    """How prompts are made of examples; the same everywhere: task, mixture, build and evaluation.

    Raises:
      DeclarationError: with everything that is out of range.
    """

    # Exemplars before each query, at most: those that do not fit the token budget are left out.
    shots: int = 0
    # Whether prompts show the options.
    options: bool = True
    # One of OPTION_ORDERS; shuffled anew for each example and epoch.
    option_order: str = FIXED
    # Template ids drawn among, "follows" or "rte.follows"; None means all of `kinds`.
    templates: tuple[str, ...] | None = None
    # Kinds drawn among; None means those of the mixture for train, forward elsewhere.
    kinds: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        problems = []
        if not 0 <= self.shots <= MOST_SHOTS:
            problems.append(f"shots {self.shots} must be from 0 to {MOST_SHOTS}")
        if self.option_order not in OPTION_ORDERS:
            problems.append(
                f'option_order "{self.option_order}" must be one of {", ".join(OPTION_ORDERS)}'
            )
        for key in ("templates", "kinds"):
            value = getattr(self, key)
            if isinstance(value, str):
                problems.append(f'{key} is one text; write ("{value}",)')
            elif value is not None and not value:
                problems.append(f"{key} is empty; leave it out for all")
        if not isinstance(self.kinds, str) and set(self.kinds or ()) - set(KINDS):
            problems.append(f"kinds {list(self.kinds or ())} must be among {', '.join(KINDS)}")
        if problems:
            raise DeclarationError("; ".join(problems))

    @property
    def words(self) -> list[str]:
        """The options of the command line that say the same, defaults left out."""
        found = [f"--shots {self.shots}"] if self.shots else []
        found += [] if self.options else ["--options off"]
        found += [f"--option-order {SHUFFLED}"] if self.option_order == SHUFFLED else []
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
        return found

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


# One prompt for one example, options shown in their own order.
PLAIN = Variation()
