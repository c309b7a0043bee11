"""Proving what of a tokenizer's chat template a model would be trained on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flan_tasks.chat.facts import golden_fault
from flan_tasks.chat.proofs import Proof, prove
from flan_tasks.chat.tokenizer import ChatTokenizer
from flan_tasks.core import notebook
from flan_tasks.core.errors import BuildError
from flan_tasks.engine.manifest_file import read_manifest
from flan_tasks.specs.chat_choices import CHAT, ChatChoices


@dataclass(frozen=True)
class ChatCheck:
    """What came of the proofs of a chat template."""

    folder: Path
    """The tokenizer's folder."""
    where: str
    """The file that has the template."""
    proofs: tuple[Proof, ...]
    """What has to hold: name, what it is about, with how many conversations it was tried, and where
    it does not hold (`fault`, empty where it does)."""
    refused: Mapping[str, str]
    """Conversations that the template refuses -> in which words; no fault."""
    notes: tuple[str, ...]
    """What whoever trains or generates should know, a line each."""
    sample: str
    """A conversation, what is trained on between ⟦ and ⟧."""
    vocabulary: str
    """Name of the vocabulary, a digest."""
    template: str
    """Name of the template with the tokens it may name, a digest."""
    way: str
    """How answers are found: by generation tags, prompts of inference, or headers of answers."""
    stop: str
    """The token that ends an answer."""
    stop_id: int
    """Its number."""

    @property
    def holds(self) -> bool:
        """Whether everything holds."""
        return not self.fault

    @property
    def fault(self) -> str:
        """The first proof that does not hold, in a line; empty where all hold."""
        return next((f"{one.name}: {one.fault}" for one in self.proofs if one.fault), "")

    @property
    def table(self) -> tuple[list[str], list[list[str | int]]]:
        """The proofs as a header and rows."""
        header = ["proof", "what has to hold", "tried", "verdict"]
        return header, [
            [one.name, one.about, one.tried, "fails" if one.fault else "holds"]
            for one in self.proofs
        ]

    def _repr_html_(self) -> str:
        parts = [notebook.table(*self.table), notebook.text(self.fault), notebook.text(self.sample)]
        return notebook.page(self.where, *parts)

    def to_json(self) -> dict[str, Any]:
        """Returns it as `flan chat-check --json` prints it."""
        return {
            "holds": self.holds,
            "proofs": [asdict(proof) for proof in self.proofs],
            "refused": dict(self.refused),
            "notes": list(self.notes),
            "sample": self.sample,
            "vocabulary": self.vocabulary,
            "template": self.template,
            "way": self.way,
            "stop": [self.stop, self.stop_id],
        }


def chat_check(
    folder: Path, *, choices: ChatChoices | None = None, build: Path | None = None
) -> ChatCheck:
    """Tries every proof with a tokenizer's chat template.

    Args:
      folder: the tokenizer's files.
      choices: date, system prompt and what becomes of thoughts.
      build: of conversations, whose golden ids are compared; its choices are taken then.

    Raises:
      ChatTemplateError: the folder has no template, or none whose answers can be told.
      VocabularyError: the tokenizer cannot be read.
      BuildError: the build is not complete, or none of conversations.
    """
    about = None if build is None else _chat_of(build)
    chosen = choices if about is None else ChatChoices.from_record(about)
    tokenizer = ChatTokenizer(folder, chosen)
    verdict = prove(tokenizer)
    proofs = [*verdict.proofs]
    if about is not None:
        fault = golden_fault(tokenizer, about)
        proofs.append(Proof("golden", f"ids and template are those of {build}", 1, fault))
    return ChatCheck(
        folder=folder,
        where=tokenizer.template.where,
        proofs=tuple(proofs),
        refused=dict(verdict.refused),
        notes=tuple(verdict.notes),
        sample=verdict.sample,
        vocabulary=tokenizer.vocabulary.name,
        template=tokenizer.name,
        way=tokenizer.way,
        stop=tokenizer.stop,
        stop_id=tokenizer.stop_id,
    )


def _chat_of(folder: Path) -> dict[str, Any]:
    """What the manifest of a build says of conversations."""
    manifest = read_manifest(folder)
    if CHAT not in manifest:
        raise BuildError(f"{folder} is no build of conversations; `flan build --chat` makes one")
    return manifest[CHAT]
