"""Builds of conversations: ids and masks, what gives way, what is counted, what is refused."""

import json
import pickle
import shutil

import numpy as np
import pytest

pytest.importorskip("tokenizers")
pytest.importorskip("jinja2")

from chat_by_hand import shape  # noqa: E402

import flan_tasks as ft  # noqa: E402
from flan_tasks.chat.tokenizer import ChatTokenizer  # noqa: E402
from flan_tasks.core.errors import BuildError, ChatTemplateError  # noqa: E402
from flan_tasks.core.field_checks import ConfigError  # noqa: E402
from flan_tasks.core.messages import read_messages  # noqa: E402
from flan_tasks.specs.chat_choices import FIELD, ChatChoices  # noqa: E402

LONG = {"inputs": 4_000, "targets": 2_000}


def build(out, name="qwen3", mixture="nli", **settings):
    settings = {"lengths": LONG, "report": False, "source": "samples", **settings}
    if name:
        settings |= {"chat": str(shape(name)), "format": "arrays", "arch": "decoder"}
    return ft.build(mixture, out, **settings)


def chats(folder) -> dict[int, tuple[list[int], list[int]]]:
    """Row of the plan -> its ids and its mask, as the files have them."""
    found = {}
    for path in sorted((folder / "data").glob("*.tokens.npy")):
        begin = str(path).removesuffix(".tokens.npy")
        names = ("tokens", "segment_ids", "loss_mask", "offsets", "examples")
        tokens, segments, mask, offsets, examples = (np.load(f"{begin}.{n}.npy") for n in names)
        for row, (start, stop) in enumerate(zip(offsets[:-1], offsets[1:], strict=True)):
            for number, example in enumerate(examples[start:stop].tolist(), start=1):
                here = segments[row] == number
                found[example] = tokens[row][here].tolist(), mask[row][here].tolist()
    return found


@pytest.mark.parametrize(
    ("name", "mixture"), [("qwen3", "nli"), ("llama3", "dialog"), ("tagged", "nli")]
)
def test_rows_are_the_conversations_that_the_style_messages_writes(tmp_path, name, mixture):
    built = build(tmp_path / "chat", name, mixture)
    told = build(tmp_path / "text", None, mixture, format="jsonl", style="messages", lengths=None)
    lines = [
        json.loads(line)
        for path in sorted((tmp_path / "text" / "data").iterdir())
        for line in path.read_text().splitlines()
    ]
    tokenizer = ChatTokenizer(shape(name))
    found = chats(tmp_path / "chat")
    assert built.examples == told.examples == len(found) == len(lines)
    for number, line in enumerate(lines):
        chat = tokenizer.encode(read_messages(line["messages"]))
        assert found[number] == (chat.ids.tolist(), chat.mask.tolist())
    turns = sum(message["role"] == "assistant" for line in lines for message in line["messages"])
    about = built.manifest["chat"]
    assert about["stop_tokens"] == about["roles"]["assistant"]["turns"] == turns
    assert about["roles"]["user"]["trained_tokens"] == about["cut_answers"] == 0
    assert about["trained_tokens"] == sum(sum(mask) for _, mask in found.values())
    assert about["tokens"] == sum(len(ids) for ids, _ in found.values())


def test_long_prompts_give_way_and_long_answers_are_cut_without_a_stop_token(tmp_path):
    built = build(tmp_path / "a", lengths={"inputs": 160, "targets": 12})
    about, tokenizer = built.manifest["chat"], ChatTokenizer(shape("qwen3"))
    found = chats(tmp_path / "a")
    cut = 0
    for ids, mask in found.values():
        assert 0 < sum(mask) <= 12 and len(ids) - sum(mask) <= 160 + 1  # a line end behind the stop
        stops = [i for i, trained in zip(ids, mask, strict=True) if trained].count(332)
        assert stops in (0, 1) and tokenizer.stop_id == 332
        cut += not stops
    assert about["cut_answers"] == cut > 0 and about["stop_tokens"] == len(found) - cut
    assert any("fitting" in task for task in built.tasks)
    assert built.manifest["planned"] == len(found) + len(built.manifest["left_out"])


def test_older_turns_of_a_conversation_go_first(tmp_path):
    built = build(tmp_path / "a", "chatml", "wiki_dialog", lengths={"inputs": 130, "targets": 60})
    about = built.manifest["chat"]
    assert about["dropped_turns"] > 0 and not about["cut_answers"]
    start = ChatTokenizer(shape("chatml")).ids("")
    assert start == []
    for ids, mask in chats(tmp_path / "a").values():
        assert len(ids) <= 190 and sum(mask)
        # Whole turns alone: the system prompt of the template, then a question.
        text = ChatTokenizer(shape("chatml")).vocabulary.text(ids)
        assert "<|im_end|>\n<|im_start|>user\n" in text[:110]


def test_a_system_prompt_the_date_and_thoughts_are_chosen(tmp_path):
    built = build(
        tmp_path / "a", "llama3", "rte", system="Be kind.", chat_date="2030-01-05", examples=4
    )
    about = built.manifest["chat"]
    assert (about["system"], about["date"]) == ("Be kind.", "2030-01-05")
    assert about["roles"]["system"] == {"turns": 4, "trained_tokens": 0}
    text = ChatTokenizer(shape("llama3")).vocabulary.text(chats(tmp_path / "a")[0][0])
    assert "Today is the 05 Jan 2030.\n\nBe kind.<|eot_id|>" in text
    build(tmp_path / "b", "qwen3", "creak", reasoning="field", kinds=("forward",))
    for ids, mask in chats(tmp_path / "b").values():
        own = [i for i, trained in zip(ids, mask, strict=True) if trained]
        said = ChatTokenizer(shape("qwen3")).vocabulary.text(own)
        assert said.startswith("<think>\n") and "\n</think>\n\n" in said


def test_the_manifest_keeps_golden_ids_and_the_recipe_the_template(tmp_path):
    built = build(tmp_path / "a", "gemma", "rte", examples=4)
    about = built.manifest["chat"]
    golden = ChatTokenizer(shape("gemma")).encode(read_messages(about["golden"]["messages"]))
    assert about["golden"]["ids"] == golden.ids.tolist()
    assert about["golden"]["mask"] == golden.mask.tolist()
    assert built.manifest["eos_id"] == about["stop"]["id"]
    assert built.manifest["recipe"]["spec"]["chat"] == about["template"]
    assert "--chat sha256:" in built.command and "--vocab" not in built.command
    other = shutil.copytree(shape("gemma"), tmp_path / "other")
    template = other / "chat_template.jinja"
    template.write_text(template.read_text().replace("{{ bos_token }}", "{{ bos_token }}\n"))
    with pytest.raises(BuildError, match="--chat"):
        ft.build(
            *("rte", tmp_path / "a"),
            **{"source": "samples", "chat": str(other), "format": "arrays", "arch": "decoder"},
            **{"examples": 4, "lengths": LONG, "report": False},
        )
    assert build(tmp_path / "a", "gemma", "rte", examples=4).was_there


def test_a_template_that_fails_a_proof_builds_nothing(tmp_path):
    bad = shutil.copytree(shape("llama3"), tmp_path / "bad")
    template = bad / "chat_template.jinja"
    template.write_text(template.read_text().replace("{{- bos_token", "{{- bos_token ~ bos_token"))
    with pytest.raises(ChatTemplateError, match="fails a proof: BOS"):
        ft.build(
            "rte", tmp_path / "a", chat=str(bad), format="arrays", arch="decoder", source="samples"
        )
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"chat": "x"}, "is for format arrays and arch decoder, not jsonl and encoder-decoder"),
        ({"system": "x"}, "give a tokenizer with --chat"),
        ({"reasoning": "loud"}, "unknown reasoning"),
    ],
)
def test_what_does_not_go_together_is_refused(settings, reason):
    with pytest.raises((ConfigError, ft.FlanTasksError), match=reason):
        ft.BuildSpec(mixture="rte", **settings)


def test_another_vocabulary_beside_the_tokenizer_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="is that of the chat tokenizer"):
        build(tmp_path / "a", "qwen3", "rte", vocab="bytes")


def test_a_tokenizer_goes_to_another_process_as_it_is():
    tokenizer = ChatTokenizer(shape("qwen3"), ChatChoices(reasoning=FIELD))
    turns = read_messages([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}])
    again = pickle.loads(pickle.dumps(tokenizer))
    assert again.encode(turns).ids.tolist() == tokenizer.encode(turns).ids.tolist()
    assert again.name == tokenizer.name


def test_exemplars_stand_in_the_question(tmp_path):
    built = build(tmp_path / "a", "chatml", "rte", shots=2, examples=6)
    assert {"2"} <= {n for task in built.tasks for n in task["num_shots"]}
    assert built.manifest["chat"]["roles"]["user"]["turns"] == 6


def test_the_report_and_the_table_say_what_is_trained(tmp_path, flan):
    words = ("rte", "--source", "samples", "--format", "arrays", "--arch", "decoder", "-n")
    out = tmp_path / "a"
    printed = flan("build", *words[:-1], "--chat", shape("qwen3"), "--out", out).out
    assert "assistant 15 turns with" in " ".join(printed.split())
    assert "user 15 turns with 0 trained tokens" in " ".join(printed.split())
    told = " ".join(flan("report", out, "--text").out.split())
    assert "are trained: system 0 turns" in told
    assert "are trained: system 0 turns" in (out / "report.html").read_text()
    assert "are trained: system 0 turns" in (out / "README.md").read_text()
    assert flan("verify", out).out


def test_a_model_reads_a_conversation_from_its_first_token_whatever_it_begins_with(tmp_path):
    pytest.importorskip("jax")
    from flan_tasks.specs.config import DataConfig
    from flan_tasks.specs.model_config import ModelConfig
    from flan_tasks.trainer.data import open_evaluation, open_source

    built = build(tmp_path / "a", "chatml", "rte", examples=20)
    data = DataConfig(build_dir=str(tmp_path / "a"), eval_build_dir=str(tmp_path / "a"))
    size = built.manifest["vocabulary_size"]
    sizes = {"embed": 8, "layers": 1, "heads": 1, "head_dim": 8, "mlp": 8, "positions": "rope"}
    read = {}
    for start in (0, 5, -1):
        model = ModelConfig(
            architecture="decoder",
            vocabulary_size=size,
            start_token=start,
            inputs_attention="causal",
            **sizes,
        )
        sources = open_source(data, model), open_evaluation(data, model)
        read[start] = [source.read(0, 0, 1) for source in sources]
    for rows in (read[5], read[-1]):
        for one, other in zip(rows, read[0], strict=True):
            assert all(np.array_equal(one[name], other[name]) for name in other)
    assert not read[0][0]["decoder_segment_ids"][:, 0].any()


@pytest.mark.slow
def test_workers_give_the_same_bytes(tmp_path):
    spec = ft.BuildSpec(
        mixture="nli",
        **{"source": "samples", "format": "arrays", "arch": "decoder", "report": False},
        **{"chat": str(shape("qwen3")), "shards": 3},
    )
    one, two = ft.build(spec, tmp_path / "a"), ft.build(spec, tmp_path / "b", workers=2)
    assert one.manifest == two.manifest
