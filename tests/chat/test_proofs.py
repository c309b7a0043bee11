"""What a tokenizer with its template has to prove, and templates that fail each proof."""

import json
import shutil

import pytest

pytest.importorskip("tokenizers")
pytest.importorskip("jinja2")

from chat_by_hand import SHAPES, shape  # noqa: E402

import flan_tasks as ft  # noqa: E402
from flan_tasks.chat.probes import talk  # noqa: E402
from flan_tasks.chat.proofs import check, marked, prove  # noqa: E402
from flan_tasks.chat.spans import HEADERS, PREFIXES, TAGS  # noqa: E402
from flan_tasks.chat.tokenizer import ChatTokenizer  # noqa: E402
from flan_tasks.core.errors import ChatTemplateError  # noqa: E402
from flan_tasks.core.messages import Message  # noqa: E402
from flan_tasks.specs.chat_choices import DROP, FIELD, KEEP, ChatChoices  # noqa: E402


@pytest.mark.parametrize("name", SHAPES)
def test_all_proofs_hold_of_each_shape(name):
    verdict = prove(ChatTokenizer(shape(name)))
    assert verdict.holds, verdict.fault
    assert [proof.name for proof in verdict.proofs][:4] == ["spans", "ids", "start", "stop"]
    assert "⟦" in verdict.sample


def test_ways_and_stop_tokens_are_told_from_the_template():
    found = {name: ChatTokenizer(shape(name)) for name in SHAPES}
    assert {name: one.way for name, one in found.items()} == {
        "chatml": HEADERS,
        "tagged": TAGS,
        "qwen3": HEADERS,
        "llama3": HEADERS,
        "mistral": PREFIXES,
        "gemma": PREFIXES,
    }
    # Of Gemma, whose EOS is another, too.
    assert found["gemma"].stop == "<end_of_turn>" != found["gemma"].files.tokens["eos_token"]
    assert found["llama3"].writes_date and not found["chatml"].writes_date


def test_what_a_template_refuses_is_named_and_no_fault():
    verdict = prove(ChatTokenizer(shape("gemma")))
    assert verdict.holds and "no role of a system" in verdict.refused["a system prompt"]
    with pytest.raises(ChatTemplateError, match="there is no role of a system"):
        ChatTokenizer(shape("gemma"), ChatChoices(system="Be kind."))


def told(name: str, choice: str, *turns: Message) -> str:
    tokenizer = ChatTokenizer(shape(name), ChatChoices(reasoning=choice))
    return marked(tokenizer, tokenizer.encode(tokenizer.prepared(turns)))


def test_thoughts_are_kept_dropped_or_written_by_the_template():
    turns = (*talk("u", "Leaf?"), Message("assistant", "Green.", "Spring."))
    start = "<|im_start|>user\nLeaf?<|im_end|>\n<|im_start|>assistant\n"
    written = "<think>\nSpring.\n</think>\n\nGreen.<|im_end|>"
    assert told("qwen3", FIELD, *turns) == f"{start}⟦{written}⟧\n"
    empty = "<think>\n\n</think>\n\n"
    kept = f"{start}{empty}⟦Spring.\n\nGreen.<|im_end|>⟧\n"
    assert told("qwen3", KEEP, *turns) == kept
    # What the template writes though a model does not is not trained on.
    assert told("qwen3", DROP, *turns) == f"{start}{empty}⟦Green.<|im_end|>⟧\n"
    tagged = talk("ua", "Leaf?", "<think>\nSpring.\n</think>\n\nGreen.")
    assert told("qwen3", FIELD, *tagged) == f"{start}⟦{written}⟧\n"


def test_older_thoughts_that_a_template_drops_are_declared():
    tokenizer = ChatTokenizer(shape("qwen3"), ChatChoices(reasoning=FIELD))
    (note,) = (one for one in prove(tokenizer).notes if "older answers" in one)
    assert "thoughts in an older turn" in note
    older = (*talk("u", "Leaf?"), Message("assistant", "Green.", "Spring."), *talk("ua", "?", "!"))
    assert "Spring" not in marked(tokenizer, tokenizer.encode(older))


def test_thoughts_as_a_field_need_a_template_that_writes_them():
    with pytest.raises(ChatTemplateError, match="would be lost; choose keep"):
        ChatTokenizer(shape("llama3"), ChatChoices(reasoning=FIELD))


def changed(folder, name: str, old: str = "", new: str = "", **config):
    """A copy of a shape whose template says something else."""
    made = shutil.copytree(shape(name), folder / "made")
    text = (made / "chat_template.jinja").read_text()
    assert old in text
    (made / "chat_template.jinja").write_text(text.replace(old, new))
    if config:
        held = json.loads((made / "tokenizer_config.json").read_text())
        (made / "tokenizer_config.json").write_text(json.dumps(held | config))
    return made


@pytest.mark.parametrize(
    ("name", "old", "new", "reason"),
    [
        ("chatml", "~ '<|im_end|>\\n' }}\n{%- endfor", "~ '\\n' }}\n{%- endfor", "would not stop"),
        ("tagged", "~ '<|im_end|>' }}{% endgen", "}}{% endgen", "could end them|does not end with"),
        # The tags begin before what inference prompts with.
        ("tagged", "{%- generation %}{{ turn", "{%- generation %}{{ ' ' ~ turn", ""),
        ("llama3", "{{- bos_token }}", "{{- bos_token ~ bos_token }}", "BOS: .*more than once"),
        (
            "chatml",
            "turn.content ~ '<|im",
            "(turn.content | upper) ~ '<|im",
            "answer: .*should end with",
        ),
        ("chatml", "assistant\\n' }}", "assistant\\n ' }}", "start|cannot be told"),
        ("gemma", "'model' if", "'user' if", "cannot be told|start|answer"),
    ],
    ids=["no stop", "stop outside tags", "blank", "two BOS", "upper", "prompt differs", "roles"],
)
def test_a_template_that_would_train_on_the_wrong_tokens_is_refused(
    tmp_path, name, old, new, reason
):
    folder = changed(tmp_path, name, old, new)
    if not reason:
        # What the model is to write begins with a blank, as the tags say.
        assert not prove(ChatTokenizer(folder)).fault
        return
    with pytest.raises(ChatTemplateError, match=reason):
        check(ChatTokenizer(folder))


def test_headers_that_join_what_follows_are_refused(tmp_path):
    # As GPT-2 cut words: of two line ends before a letter the second stands by itself.
    folder = changed(tmp_path, "llama3")
    held = json.loads((folder / "tokenizer.json").read_text())
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    held["pre_tokenizer"] = {**byte_level, "use_regex": True}
    (folder / "tokenizer.json").write_text(json.dumps(held))
    with pytest.raises(ChatTemplateError, match="does not begin with the ids of the prompt"):
        check(ChatTokenizer(folder))


def test_a_stop_token_that_generation_does_not_know_is_noted(tmp_path):
    folder = changed(tmp_path, "gemma")
    (folder / "generation_config.json").write_text('{"eos_token_id": 1}')
    verdict = prove(ChatTokenizer(folder))
    assert verdict.holds and "whoever generates must be told" in verdict.notes[0]


def test_the_name_depends_on_template_and_named_tokens(tmp_path):
    plain = ChatTokenizer(shape("llama3"))
    other = ChatTokenizer(changed(tmp_path, "llama3", "Today is", "It is"))
    assert plain.name != other.name and plain.vocabulary.name == other.vocabulary.name
    assert plain.name == ChatTokenizer(shape("llama3")).name


def test_dates_are_checked():
    with pytest.raises(ChatTemplateError, match="want one such as 2024-07-26"):
        ChatTokenizer(shape("llama3"), ChatChoices(date="July"))


def test_the_command_prints_a_table_a_sample_and_the_reason(flan, tmp_path):
    found = flan("chat-check", shape("qwen3"))
    assert "look-alikes" in found.out and "⟦Green, as a rule.<|im_end|>⟧" in found.out
    told = json.loads(flan("chat-check", shape("llama3"), "--json").out)
    assert told["holds"] and told["stop"] == ["<|eot_id|>", 334]
    twice = changed(tmp_path, "llama3", "{{- bos_token }}", "{{- bos_token ~ bos_token }}")
    failed = flan("chat-check", twice, code=1)
    assert "fails" in failed.out and "fails a proof: BOS: one turn" in failed.err
    assert "is no folder" in flan("chat-check", tmp_path / "none", code=1).err


def test_python_gets_what_the_command_prints(flan, tmp_path):
    found = ft.chat_check(shape("llama3"), chat_date="2030-02-03")
    words = ("chat-check", shape("llama3"), "--chat-date", "2030-02-03", "--json")
    assert found.to_json() == json.loads(flan(*words).out)
    assert found.holds and not found.fault and found.stop == "<|eot_id|>"
    assert [one.name for one in found.proofs][:2] == ["spans", "ids"]
    assert "look-alikes" in found._repr_html_()
    twice = changed(tmp_path, "llama3", "{{- bos_token }}", "{{- bos_token ~ bos_token }}")
    failed = ft.chat_check(twice)
    assert not failed.holds and failed.fault.startswith("BOS: one turn")
    for wrong, reason in (
        ({"reasoning": "loud"}, "chat_check.reasoning is 'loud' .*want keep, drop, field"),
        ({"system": 3}, "chat_check.system is 3 .*want a text"),
        ({"build": tmp_path, "system": "Be kind."}, "system: the build says it"),
    ):
        with pytest.raises(ft.DeclarationError, match=reason):
            ft.chat_check(shape("llama3"), **wrong)


def test_golden_ids_of_a_build_are_compared(flan, tmp_path):
    words = ("build", "rte", "--source", "samples", "--format", "arrays", "--arch", "decoder")
    more = ("--examples", 4, "--no-report", "--out", tmp_path / "a", "--chat-date", "2030-02-03")
    flan(*words, *more, "--chat", shape("llama3"))
    found = flan("chat-check", shape("llama3"), "--build", tmp_path / "a")
    assert "golden" in found.out and "pinned to 2030-02-03" in found.out
    golden = ft.chat_check(shape("llama3"), build=tmp_path / "a").proofs[-1]
    assert (golden.name, golden.fault) == ("golden", "")
    other = changed(tmp_path, "llama3", "Today is", "It is")
    failed = flan("chat-check", other, "--build", tmp_path / "a", code=1)
    assert "golden: the build's golden conversation has other ids" in failed.err
    flan("build", "rte", "--source", "samples", "--out", tmp_path / "b", "--no-report")
    text = flan("chat-check", shape("llama3"), "--build", tmp_path / "b", code=1)
    assert "is no build of conversations" in text.err
