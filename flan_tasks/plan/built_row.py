"""One row of a build: its texts, and what they were made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from flan_tasks.core.dataset import Dataset
from flan_tasks.core.example import Example
from flan_tasks.core.messages import Message
from flan_tasks.core.naming import TaskName
from flan_tasks.core.option_styles import PLAIN_STYLE, Block
from flan_tasks.core.part_tree import MARK
from flan_tasks.core.template import FORWARD, Template
from flan_tasks.metrics.gold import Gold


@dataclass(frozen=True)
class BuiltRow:
    """One row of a build, before it is written."""

    inputs: str
    """The prompt."""
    targets: str
    """The text to be learned."""
    dataset: Dataset
    """Whose example it is."""
    template: Template
    """What filled it."""
    example: Example
    """What it was filled with."""
    num_shots: int = 0
    """Exemplars that stand before it in the prompt."""
    shows_options: bool = True
    """Whether the options stand in the prompt, where the example has some."""
    shortened: tuple[str, ...] = ()
    """Fields that were shortened to make the prompt fit a length."""
    left: Mapping[str, str] = field(default_factory=dict)
    """What is left of each of these; the example has them whole."""
    lost_answer: bool = False
    """Whether the answer stood in one of these, and does no more."""
    part: str = ""
    """Path of the part of the mixture that it is of; empty where there are none."""
    prompt_type: str = ""
    """One of `core.parts.PROMPT_TYPES`, where there are parts."""
    block: Block | None = None
    """The options as the prompt lists them; None where that is the plain way, or it lists none."""

    @property
    def name(self) -> str:
        """What it is counted under: the name of its task in the plan."""
        return f"{self.part}{MARK}{self.dataset.name}" if self.part else self.dataset.name

    @property
    def gold(self) -> Gold:
        """What answers to the prompt are compared with."""
        # Behind reasoning the answer alone is compared: metrics read it there.
        is_reasoned = bool(self.dataset.rationale) and self.template.kind == FORWARD
        by_label = self.block is not None and self.template.is_answered_by_label
        answer = self.example.answer if is_reasoned or by_label else self.targets
        gold = Gold.of(self.example, answer=answer, language=self.dataset.language_of_answers)
        if self.block is None or not self.block.labels or self.template.kind != FORWARD:
            return gold
        choices = () if is_reasoned else self.choices
        return replace(gold, labels=self.block.labels, choices=choices)

    @property
    def choices(self) -> tuple[str, ...]:
        """What the target is for each option, in their order."""
        if self.block is None or not self.template.is_answered_by_label:
            return self.example.options
        return self.block.choices

    @property
    def option_style(self) -> str:
        """Id of the style in which the prompt lists the options; empty where it lists none."""
        if self.block is not None:
            return self.block.style
        is_listed = self.shows_options and self.example.options and self.template.lists_options
        return PLAIN_STYLE if is_listed else ""

    @property
    def turns(self) -> tuple[str, ...]:
        """What was said before the answer, turn by turn, the asking side's last; () where the
        prompt is no conversation, or holds more than one.

        Of a history that was shortened the turns go that are no longer whole.
        """
        name = self.dataset.turns
        if not name or self.template.kind != FORWARD or self.num_shots:
            return ()
        turns = tuple(self.example.extra.get("turns", ()))
        if name not in self.left:
            return turns
        # From the end, each turn before the one behind it: "Yes." may stand in another's words.
        whole, end = 0, len(self.left[name])
        while whole < len(turns):
            end = self.left[name].rfind(turns[-1 - whole], 0, end)
            if end < 0:
                break
            whole += 1
        # A conversation begins with who asks, and what is asked stays.
        return turns[len(turns) - max(whole - (whole + 1) % 2, 1) :]

    @property
    def messages(self) -> tuple[Message, ...]:
        """The turns of an example that is a conversation, the last answer among them; () where it
        is none, or the prompt is another one."""
        if self.template.kind != FORWARD or self.num_shots:
            return ()
        return self.example.turns

    @property
    def about(self) -> dict[str, object]:
        """The columns every format carries beside the texts."""
        return {
            "task": str(TaskName(self.dataset.name)),
            "dataset": self.dataset.parent,
            "cluster": self.dataset.cluster,
            "template": self.template.id,
            "kind": self.template.kind,
            "key": self.example.key,
            "options": list(self.choices),
            "license": self.dataset.license,
            "num_shots": self.num_shots,
            **(self._of_parts if self.part else {}),
        }

    @property
    def _of_parts(self) -> dict[str, object]:
        return {
            "collection": self.dataset.collection,
            "part": self.part,
            "prompt_type": self.prompt_type,
        }
