"""The text of a draft: its module in Python and its templates in TOML.

Names of columns are somebody's data. They stand in Python as literals and in prose as words of
letters and digits alone, so that no column acts as code, markup or a field.
"""

from dataclasses import dataclass

from flan_tasks.core.columns import type_name
from flan_tasks.core.template import ANSWER
from flan_tasks.drafts.guess import CLASSIFICATION, Column, Guess, field_names, label_text


@dataclass(frozen=True)
class Draft:
    """What a draft is made of."""

    name: str
    """Of the dataset."""
    guess: Guess
    """What its rows look like."""
    rows: str
    """The file of rows, as the declaration names it: in the folder of the module, or absolute."""

    @property
    def module(self) -> str:
        """The declaration in Python."""
        guess, constant = self.guess, self.name.upper()
        noun = guess.answer.words
        labels = self._labels if guess.kind == CLASSIFICATION else ""
        quotes = "" if guess.quotes else ", quotes=False"
        fields = ", ".join(_literal(name) for name in self._fields.values())
        options = "    options=tuple(dict.fromkeys(_LABELS.values())),\n" if labels else ""
        metric = "accuracy" if labels else "rouge" if guess.is_long else "squad"
        return f'''"""The dataset {self.name}: its declaration, and what becomes of a row."""

from pathlib import Path

import flan_tasks as ft

_HERE = Path(__file__).parent
{labels}

def _{self.name}(row):
    """Asks for the {noun} of a {guess.texts[0].words}."""
{self._normalizer}

{constant} = ft.Dataset(
    name={_literal(self.name)},
    # One file for each split. Validation is 200 rows of train, a tenth where it has under 400.
    source=ft.Files({{"train": {_literal(self.rows)}}}, root=str(_HERE){quotes}),
    splits=ft.Splits.validation_from_train(200, test=None),
    schema={{
{self._schema}    }},
    fields=({fields},),
{options}    normalize=_{self.name},
    metrics=("{metric}",),
    # Write what the source of the rows states, one line each.
    license="not stated",
    citation="not stated",
)
ft.add({constant}, templates=_HERE / "{self.name}.toml")
'''

    @property
    def templates(self) -> str:
        """The template file."""
        guess, names = self.guess, self._fields
        noun, main = guess.answer.words, guess.texts[0]
        block = "\n".join(f"{_label(c)}: {{{names[c.name]}}}" for c in guess.texts)
        options = "\n\n{options}" if guess.kind == CLASSIFICATION else ""
        last = "\n{options}" if options else ""
        wordings = [
            ("read_and_say", "", f"{block}\n\nRead this and say what the {noun} is.{options}"),
            ("question_first", "", f"What is the {noun} of what follows?\n\n{block}{options}"),
            ("bare_labels", "", f"{block}{last}\n{_label(guess.answer)}:"),
            (
                "write_one",
                "inverted",
                f"Make up a {main.words} that goes with the {noun} given here.\n\n"
                f"{_label(guess.answer)}: {{answer}}",
            ),
        ]
        listed = ", ".join(f"{{{name}}}" for name in (*names.values(), ANSWER))
        listed += ", {options}" if options else ""
        head = f"""\
# What is the {noun} of a {main.words}?
#
# These are first templates, to be replaced by yours. Say in each what a person would ask who wants
# to know, in another way than the others: a question, a command, a line of dialog; before the text
# or after it; in four words or in three sentences. Ten forward ones are a good set.
#
# A literal brace is written twice. A line that holds one field and a label of a word or two is left
# out where the field is empty. An inverted template holds {{answer}} and asks for a text. flan lint
# says what is wrong, flan show what prompts look like. What may stand in braces:
# {listed}
"""
        return head + "".join(
            _template(*wording, targets=names[main.name] if wording[1] else ANSWER)
            for wording in wordings
        )

    @property
    def _fields(self) -> dict[str, str]:
        return dict(field_names(self.guess.texts))

    @property
    def _labels(self) -> str:
        pairs = "".join(
            f"    {_literal(label)}: {_literal(label_text(label))},\n"
            for label in self.guess.labels
        )
        return f"# What rows say -> what prompts list and answers are.\n_LABELS = {{\n{pairs}}}\n"

    @property
    def _schema(self) -> str:
        columns = (*self.guess.texts, self.guess.answer)
        return "".join(
            f"        {_literal(c.name)}: "
            f"{type_name(c.kind | None if c.is_nullable else c.kind)},\n"
            for c in columns
        )

    @property
    def _normalizer(self) -> str:
        guess, names = self.guess, self._fields
        main, target = guess.texts[0], guess.answer
        lines = [f"    if not {_text(main)}.strip():", f'        return ft.Skip("no {main.words}")']
        value = f"row[{_literal(target.name)}]"
        more: list[str] = []
        if guess.kind == CLASSIFICATION:
            lines += [
                f"    if {value} not in _LABELS:",
                f'        return ft.Skip("no {target.words} of those known")',
            ]
            answer = f"_LABELS[{value}]"
            more = [f"        options={self.name.upper()}.options,"]
        elif target.kind is list:
            # Several answers are right, and the first is learned.
            lines += [
                f"    answers = [text for text in {value} or () if text.strip()]",
                "    if not answers:",
                f'        return ft.Skip("no {target.words}")',
            ]
            answer = "answers[0]"
            more = ["        references=tuple(answers),"]
        else:
            lines += _answer_lines(target, value)
            answer = "answer"
        return "\n".join(
            [
                *lines,
                "    return ft.Example(",
                "        fields={",
                *(f'            "{names[c.name]}": {_text(c)},' for c in guess.texts),
                "        },",
                *more[:1],
                f"        answer={answer},",
                "    )",
                "",
            ]
        )


def _answer_lines(target: Column, value: str) -> list[str]:
    skip = f'        return ft.Skip("no {target.words}")'
    if target.kind is str:
        return [f"    answer = {_text(target)}", "    if not answer.strip():", skip]
    lines = [f"    if {value} is None:", skip] if target.is_nullable else []
    said = f'"yes" if {value} else "no"' if target.kind is bool else f"str({value})"
    return [*lines, f"    answer = {said}"]


def _text(column: Column) -> str:
    value = f"row[{_literal(column.name)}]"
    return f'({value} or "")' if column.is_nullable else value


def _literal(value: object) -> str:
    """Returns a value as Python has it, texts within double quotes where that is as short."""
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    if isinstance(value, str) and text[0] == "'" and '"' not in text and "\\" not in text:
        return f'"{text[1:-1]}"'
    return text


def _label(column: Column) -> str:
    return column.words[:1].upper() + column.words[1:]


def _template(name: str, kind: str, inputs: str, *, targets: str) -> str:
    kind = f'kind = "{kind}"\n' if kind else ""
    return (
        f"\n[[template]]\nid = \"{name}\"\n{kind}inputs = '''\n{inputs}'''\n"
        f'targets = "{{{targets}}}"\n'
    )
