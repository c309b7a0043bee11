"""The normalizer of conversations in docs/adding_a_dataset.md, run as it stands."""

import os
import re
import shlex
import subprocess
import sys

import pytest
from conftest import ROOT

from flan_tasks import Example, Skip

BLOCK = re.compile(r"## Conversations\n.*?```python\n(.*?)```.*?```python\n(.*?)```", re.S)


_ANSWERED = [{"role": "assistant", "content": "Hello."}]


def test_a_history_is_put_into_a_field():
    page = (ROOT / "docs" / "adding_a_dataset.md").read_text(encoding="utf-8")
    names = {"Example": Example, "Skip": Skip}
    exec("\n".join(BLOCK.search(page).groups()), names)

    def chat(*turns):
        messages = [{"role": role, "content": text} for role, text in turns]
        return names["_chat"]({"messages": messages})

    talk = (("system", "Be kind."), ("user", "Hi!"), ("assistant", "Hello."), ("user", "Why?"))
    found = chat(*talk, ("assistant", "Because."))
    told = names["_talk"]({"messages": [{"role": "user", "content": "Hi!"}, *_ANSWERED]})
    assert told.fields == {"conversation": "Hi!"} and told.answer == "Hello."
    assert found.fields == {"history": "User: Hi!\nAssistant: Hello.", "question": "Why?"}
    assert found.answer == "Because."
    assert chat(("user", "Hi!"), ("assistant", "Hello.")).fields["history"] == ""
    assert isinstance(chat(*talk), Skip) and isinstance(chat(), Skip)


@pytest.mark.parametrize("which", ["new", "from"])
def test_the_first_commands_run_as_they_stand(tmp_path, which):
    page = (ROOT / "docs" / "adding_a_dataset.md").read_text(encoding="utf-8")
    (block,) = re.findall(rf"<!-- tested: {which} -->\n```bash\n(.*?)```", page, re.S)
    folder = tmp_path
    tickets = (f"{n},Ticket number {n},{('billing', 'shipping')[n % 2]}\n" for n in range(12))
    (tmp_path / "rows.csv").write_text("id,ticket,queue\n" + "".join(tickets), encoding="utf-8")
    for line in block.strip().splitlines():
        words = shlex.split(line)
        if words[0] == "cd":
            folder = folder / words[1]
            continue
        done = subprocess.run(
            [sys.executable, "-m", "flan_tasks", *words[1:]],
            cwd=folder,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        assert done.returncode == 0, done.stderr
        if words[1] == "new":  # what it prints is what stands here
            printed = [text.strip() for text in done.stdout.split("Next:\n")[1].splitlines()]
            assert printed == block.strip().splitlines()[1:]
    name = {"new": "haiku", "from": "tickets"}[which]
    assert (folder / "out" / name / "manifest.json").exists()
