"""The normalizer of conversations in docs/adding_a_dataset.md, run as it stands."""

import re

from conftest import ROOT

from flan_tasks import Example, Skip

BLOCK = re.compile(r"## Conversations\n.*?```python\n(.*?)```", re.S)


def test_a_history_is_put_into_a_field():
    page = (ROOT / "docs" / "adding_a_dataset.md").read_text(encoding="utf-8")
    names = {"Example": Example, "Skip": Skip}
    exec(BLOCK.search(page)[1], names)

    def chat(*turns):
        messages = [{"role": role, "content": text} for role, text in turns]
        return names["_chat"]({"messages": messages})

    talk = (("system", "Be kind."), ("user", "Hi!"), ("assistant", "Hello."), ("user", "Why?"))
    found = chat(*talk, ("assistant", "Because."))
    assert found.fields == {"history": "User: Hi!\nAssistant: Hello.", "question": "Why?"}
    assert found.answer == "Because."
    assert chat(("user", "Hi!"), ("assistant", "Hello.")).fields["history"] == ""
    assert isinstance(chat(*talk), Skip) and isinstance(chat(), Skip)
