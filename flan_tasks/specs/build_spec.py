"""What a build is told; its JSON is the recipe of the build."""

import dataclasses
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from flan_tasks.core.configuration import resolve
from flan_tasks.core.data_dirs import DataDirs
from flan_tasks.core.field_checks import refuse
from flan_tasks.core.mixture import Mixture
from flan_tasks.core.spec import IS_PLACE, JobSpec, option, option_words, spec_of
from flan_tasks.core.splits import SPLITS
from flan_tasks.core.variation import INPUTS_ONLY, PromptSpec, Variation
from flan_tasks.specs.chat_choices import CHOICES, DATE, KEEP, ChatChoices
from flan_tasks.specs.contamination_presets import PRESETS
from flan_tasks.specs.formats import (
    ANSWERS,
    ARCHS,
    ARRAYS,
    DECODER,
    ENCODER_DECODER,
    FORMATS,
    OBJECTIVES,
    PACKED_FORMATS,
    SPAN_CORRUPTION,
    STYLES,
)
from flan_tasks.specs.parts import RowsFrom, VocabularyNamed

# Longest inputs and targets in tokens, EOS included, where none are named.
LENGTHS: Mapping[str, int] = {"inputs": 1024, "targets": 256}
AUTO = "auto"
RANDOM, BLOCKS = "random", "blocks"
# Formats that are left as they are unless lengths are asked for: what reads them trims.
UNFITTED_FORMATS = ("seqio-cache",)
# What a canonical command says first, most of it even where it is the default.
_FIRST = (
    *("source", "split", "examples", "seed", "vocab", "control_tokens", "format", "style"),
    *("arch", "lengths", "shards"),
)
_ONLY_IF_CHANGED = ("control_tokens", "shards")
# Options that builds were made without, and what those builds are: a record has another value only,
# so that they are what they were.
NEWER: Mapping[str, str] = {"order": RANDOM, "objective": ANSWERS}
# Prompts of a build that hides spans: the fields of a row, without wording, options or answer.
_TEXTS = Variation(instructions=INPUTS_ONLY, options=False)


@dataclass(frozen=True, kw_only=True)
class BuildSpec(PromptSpec, VocabularyNamed, RowsFrom, JobSpec):
    """What `ft.build` and `flan build` are told: a mixture, and how it becomes files.

    Raises:
      ConfigError: values have the wrong type or range, or do not go together; all of them.
    """

    verb = "build"

    mixture: str | Mixture = option(argument=True, is_path=True)
    """A mixture, cluster or dataset by name, a TOML file of yours, or a declaration."""
    split: str = option("train", choices=SPLITS)
    """Which split."""
    examples: int | None = option(None, least=1, most=10**12)
    """Rows to build; by default one pass of the capped mixture."""
    seed: int = option(0, least=0, most=(1 << 63) - 1)
    """What every choice depends on."""
    order: str = option(RANDOM, choices=(RANDOM, BLOCKS))
    """How rows are mixed: over the whole plan (random), or so that neighbors in the store stay near
    one another (blocks), for stores that do not fit into memory."""
    format: str = option("jsonl", choices=FORMATS, of_files=True)
    """What files hold: texts, ids, or packed ids."""
    style: str = option(STYLES[0], choices=STYLES, of_files=True)
    """Columns of jsonl and parquet, as trainers want them."""
    arch: str = option(ARCHS[0], choices=ARCHS, of_files=True)
    """What packed rows are for: two sides, or inputs and targets in one."""
    objective: str = option(ANSWERS, choices=OBJECTIVES, of_files=True)
    """What is learned: to answer prompts (instructions), or to fill gaps in the rows' own texts, as
    T5 is pretrained (span_corruption); for packed formats."""
    lengths: Mapping[str, int] | Literal["auto"] | None = option(None)
    """Longest inputs and targets with EOS (decoder rows: row=), by default
    inputs=1024,targets=256; auto proposes from the data."""
    chat: str | None = option(None, metavar="TOKENIZER_DIR", is_path=True, of_files=True)
    """Write rows as conversations by this tokenizer's chat template, and train on answers alone;
    for format arrays and arch decoder."""
    chat_date: str | None = option(None, metavar="DATE", of_files=True)
    """What the chat template takes for today, as 2024-07-26, which is the default."""
    system: str | None = option(None, metavar="TEXT", of_files=True)
    """System prompt of conversations that have none; by default what the chat template does."""
    reasoning: str | None = option(None, choices=CHOICES, of_files=True)
    """Thoughts before answers in chats: in their text (keep, the default), left out (drop), or
    apart for the chat template to write (field)."""
    shards: int | None = option(None, least=1, of_files=True)
    """Files to write; by default by rows."""
    drop_overlaps: bool = option(False)
    """Leave out datasets that share text with held-out ones by declaration (drop_overlaps)."""
    modules: tuple[str, ...] = option((), said="module", metavar="NAME")
    """Python module with datasets and mixtures of yours; may be given again."""
    license_allow: tuple[str, ...] = option((), metavar="PATTERN")
    """Keep only datasets whose license fits, such as 'CC-BY-*'; may be given again."""
    license_deny: tuple[str, ...] = option((), metavar="PATTERN")
    """Leave out datasets whose license fits; may be given again."""
    drop_contaminated: tuple[str, ...] = option((), metavar="NAME")
    """Leave out training examples that occur in the evaluation sets of this suite, dataset, cluster
    or mixture; may be given again."""
    contamination_preset: str = option(PRESETS[0], choices=PRESETS)
    """By which rule: fields (whole texts, 13 words), gpt3 (n words, n by set), or tulu (more than
    half of an evaluation prompt)."""
    report: bool = option(True, of_files=True)
    """Whether report.html is written."""
    allow_missing: bool = option(False)
    """Build without datasets whose rows are not available."""
    store: str | None = option(None, is_path=True, is_place=True)
    """Where examples are kept."""
    grow_from: str | None = option(None, metavar="BUILD", is_path=True, is_place=True)
    """A build that this one begins with: its shards stay, and rows are added until the whole has
    the rates of the mixture; its manifest.json alone builds the same. seqio-cache keeps the shards
    of tasks that did not change."""

    def problems(self) -> list[tuple[str, str]]:
        """Returns (field, what is wrong) where values do not go together."""
        wrong = super().problems()
        if self.mixture == "":
            wrong.append(("mixture", "is empty"))
        if isinstance(self.lengths, Mapping):
            odd = [name for name in self.lengths if name not in (*LENGTHS, "row")]
            if odd or not self.lengths:
                wrong.append(
                    ("lengths", f"is {dict(self.lengths)}; want inputs, targets, and maybe row")
                )
        if "row" in (self.lengths or ()) and self.arch == ENCODER_DECODER:
            wrong.append(("lengths", "has row, which is for arch decoder; others have two sides"))
        if self.arch != ENCODER_DECODER and self.format not in PACKED_FORMATS:
            wrong.append(
                ("arch", f"{self.arch} is for packed formats; {self.format} does not pack")
            )
        if self.grow_from is not None and self.split != "train":
            wrong.append(("grow_from", f"is for the split train, not {self.split}"))
        if self.chat is None:
            of_chats = ("chat_date", "system", "reasoning")
            wrong += [
                (name, "is of conversations; give a tokenizer with --chat")
                for name in of_chats
                if getattr(self, name) is not None
            ]
        elif (self.format, self.arch) != (ARRAYS, DECODER):
            wrong.append(
                (
                    "chat",
                    f"is for format arrays and arch decoder, not {self.format} and {self.arch}; "
                    "text formats with style messages leave the template to the trainer",
                )
            )
        return wrong + (self._wrong_spans() if self.objective == SPAN_CORRUPTION else [])

    def _wrong_spans(self) -> list[tuple[str, str]]:
        """What does not go with texts in which spans are hidden."""
        wrong = []
        if self.format not in PACKED_FORMATS:
            what = f"{SPAN_CORRUPTION} is for {' and '.join(PACKED_FORMATS)}, not {self.format}"
            wrong.append(("objective", what))
        if self.arch != ENCODER_DECODER:
            what = f"{SPAN_CORRUPTION} is for arch {ENCODER_DECODER}, not {self.arch}"
            wrong.append(("objective", what))
        if self.lengths == AUTO:
            wrong.append(("lengths", f"auto measures prompts; name them for {SPAN_CORRUPTION}"))
        usual = Variation()
        wrong += [
            (part.name, f"is of prompts, which objective {SPAN_CORRUPTION} does not have")
            for part in dataclasses.fields(Variation)
            # What a build records is read back.
            if getattr(self, part.name)
            not in (getattr(usual, part.name), getattr(_TEXTS, part.name))
        ]
        return wrong

    @property
    def variation(self) -> Variation:
        """How prompts are made; where spans are hidden, the texts in which they are."""
        return _TEXTS if self.objective == SPAN_CORRUPTION else super().variation

    def check_shown(self) -> None:
        """Checks that its rows are prompts and targets, which can be shown without files.

        Raises:
          ConfigError: they are not.
        """
        if self.objective == SPAN_CORRUPTION:
            what = f"{SPAN_CORRUPTION} has no prompts; build it, and its report.html shows examples"
            refuse(self, [("objective", what)])

    @property
    def chat_choices(self) -> ChatChoices:
        """What is chosen of conversations beside the tokenizer."""
        return ChatChoices(self.chat_date or DATE, self.system, self.reasoning or KEEP)

    @property
    def name(self) -> str:
        """What the mixture is asked for by; of a file its name, without where it lies.

        A mixture that is declared in Python goes by the name of a file that would hold it.
        """
        if isinstance(self.mixture, Mixture):
            # As a file of it would be called: the manifest has what stands in it.
            return f"{self.mixture.name}.toml"
        is_file = self.mixture.endswith(".toml")
        return self.mixture.replace("\\", "/").rsplit("/", 1)[-1] if is_file else self.mixture

    @property
    def whole_lengths(self) -> dict[str, int]:
        """The lengths, those that are not named being the usual; of auto the usual ones."""
        named = self.lengths if isinstance(self.lengths, Mapping) else {}
        return {**LENGTHS, **named}

    def record(self) -> dict[str, Any]:
        """Returns what the bytes of a build depend on: all but places."""
        without = {
            part.name
            for part in dataclasses.fields(self)
            if part.metadata.get(IS_PLACE)
            or (part.name in NEWER and getattr(self, part.name) == NEWER[part.name])
        }
        found = {name: value for name, value in self.to_json().items() if name not in without}
        return {**found, "mixture": self.name}

    def command(self) -> str:
        """Returns the command that makes the same, defaults that matter spelled out."""
        parts = {part.name: part for part in dataclasses.fields(self)}
        words = [f"flan build {shlex.quote(self.name)} --out DIR"]
        for name in dict.fromkeys((*_FIRST, *parts)):
            if name == "mixture" or parts[name].metadata.get(IS_PLACE):
                continue
            if self.chat and name in ("vocab", "control_tokens"):
                continue  # the chat tokenizer's
            always = name in _FIRST and name not in _ONLY_IF_CHANGED
            if name == "arch":
                always = self.format in PACKED_FORMATS
            words += option_words(parts[name], getattr(self, name), always=always)
            if name == "source":
                words += self._places()
        # The record has the digest of that build.
        return " ".join([*words, *(["--grow-from OLD"] if self.grow_from else [])])

    def _places(self) -> list[str]:
        """Which directories are to be given, wherever they lie."""
        dirs = DataDirs.of(self.data_dir)
        plain = self.source in ("tfds", "files") and (dirs.plain or not dirs.named)
        found = ["--data-dir DATA"] if plain or (dirs.plain and dirs.named) else []
        return [*found, *(f"--data-dir {name}=DATA" for name in sorted(dirs.named))]


def build_spec_of(
    mixture: str | os.PathLike[str] | Mixture | BuildSpec, settings: Mapping[str, Any]
) -> BuildSpec:
    """Returns the specification that was given whole, or one of a mixture and settings.

    Where rows come from is by default what `configure` or the environment say.

    Raises:
      DeclarationError: there are settings beside a whole one.
      UnknownNameError: a setting is no field.
      ConfigError: as when it is made.
    """
    if not isinstance(mixture, BuildSpec):
        chosen = resolve()
        places = {"source": chosen.source, "data_dir": chosen.data_dir}
        # None is what is said elsewhere, as if it were left out.
        said = {name: value for name, value in settings.items() if value is not None}
        settings = {**settings, **places, **said}
    return spec_of(BuildSpec, mixture, settings, lead="mixture")
