"""Prompt variations: which templates, how many exemplars, whether and how options stand there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

from flan_tasks.core.errors import DeclarationError, unknown_name
from flan_tasks.core.option_styles import OPTION_TARGETS, PLAIN_STYLE, TEXT, check_style
from flan_tasks.core.spec import Spec, option, option_words
from flan_tasks.core.template import ANSWER, FORWARD, KINDS, OPTIONS, Template

FIXED, SHUFFLED = "fixed", "shuffled"
OPTION_ORDERS = (FIXED, SHUFFLED)
FULL, INPUTS_ONLY, DATASET_NAME = "full", "inputs_only", "dataset_name"
INSTRUCTIONS = (FULL, INPUTS_ONLY, DATASET_NAME)
MOST_SHOTS = 64


@dataclass(frozen=True, kw_only=True)
class PromptSpec(Spec):
    """How prompts are made of examples; the same everywhere: task, mixture, build and evaluation.

    Raises:
      ConfigError: values have the wrong type or range, or do not go together; all of them.
    """

    shots: int = option(0, least=0, most=MOST_SHOTS)
    """Exemplars before each query, as many as fit into the inputs."""
    options: bool = option(True, on_off=True)
    """Whether prompts show the options."""
    option_order: str = option(FIXED, choices=OPTION_ORDERS)
    """Shuffled: drawn for each example and epoch."""
    option_style: str = option(PLAIN_STYLE, metavar="STYLE")
    """How they are listed: varied is drawn for each example and epoch; or the id of one style."""
    option_targets: str = option(TEXT, choices=OPTION_TARGETS)
    """What the target is where options have labels: the option's text, its label, or both."""
    num_templates: int | None = option(None, least=1)
    """Draw among the first so many of each dataset's."""
    instructions: str = option(FULL, choices=INSTRUCTIONS)
    """The templates; or fields and options alone, or after the dataset's name."""
    templates: tuple[str, ...] | None = option(None, commas=True, metavar="ID,...")
    """Draw among these: hence, or rte.hence where datasets differ."""
    kinds: tuple[str, ...] | None = option(None, choices=KINDS, commas=True, metavar="KIND,...")
    """Draw among templates of these kinds: forward, inverted."""

    @property
    def variation(self) -> "Variation":
        """The same by itself, as prompts are made of it."""
        return Variation(**{part.name: getattr(self, part.name) for part in fields(PromptSpec)})

    @property
    def words(self) -> list[str]:
        """The options of the command line that say the same, defaults left out."""
        parts = fields(PromptSpec)
        return [word for part in parts for word in option_words(part, getattr(self, part.name))]

    def problems(self) -> list[tuple[str, str]]:
        """Returns (field, what is wrong) where values do not go together."""
        wrong = super().problems()
        names = [name for name in ("templates", "kinds") if getattr(self, name) == ()]
        wrong += [(name, "is empty; leave it out for all") for name in names]
        if problem := check_style(self.option_style):
            wrong.append(("option_style", problem))
        if self.instructions == FULL:
            return wrong
        how = f'instructions "{self.instructions}"'
        chosen = [name for name in ("templates", "num_templates") if getattr(self, name)]
        if chosen:
            wrong.append((chosen[0], f"cannot be: {how} leave no templates to choose"))
        elif self.kinds and FORWARD not in self.kinds:
            wrong.append(("kinds", f"cannot be: {how} are for the kind {FORWARD}"))
        return wrong


@dataclass(frozen=True, kw_only=True)
class Variation(PromptSpec):
    """Prompts as they are made: which templates a dataset's are drawn from.

    Raises:
      ConfigError: as of a `PromptSpec`.
    """

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
