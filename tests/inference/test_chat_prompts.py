"""Models of conversations asked by their chat template, as they were trained."""

import dataclasses
import json
import random
import shutil

import numpy as np
import pytest

pytest.importorskip("tokenizers")
pytest.importorskip("jinja2")
pytest.importorskip("jax")

import jax  # noqa: E402
from chat_by_hand import SHAPES, shape, text_of  # noqa: E402
from toy_models import CONFIGS, T5, quickly_compiled, random_params  # noqa: E402

import flan_tasks as ft  # noqa: E402
from flan_tasks.chat.tokenizer import ChatTokenizer  # noqa: E402
from flan_tasks.checkpoints.checkpoint import Checkpoints  # noqa: E402
from flan_tasks.core.errors import EvaluationError, ModelError  # noqa: E402
from flan_tasks.core.messages import ASSISTANT, USER, Message  # noqa: E402
from flan_tasks.datasets import catalog  # noqa: E402
from flan_tasks.engine.from_spec import plan_spec  # noqa: E402
from flan_tasks.evaluation.records import RANK, Asked, Prompt, Unit  # noqa: E402
from flan_tasks.evaluation.units import questions  # noqa: E402
from flan_tasks.inference import trees  # noqa: E402
from flan_tasks.inference.model_answers import ModelAnswers  # noqa: E402
from flan_tasks.inference.open_model import open_model  # noqa: E402
from flan_tasks.inference.opening import open_asked  # noqa: E402
from flan_tasks.inference.programs import Programs  # noqa: E402
from flan_tasks.inference.prompt_ids import ChatPrompts  # noqa: E402
from flan_tasks.inference.score import score_options  # noqa: E402
from flan_tasks.jobs.asked_datasets import evaluation_of  # noqa: E402
from flan_tasks.metrics.gold import Gold  # noqa: E402
from flan_tasks.models.hf import export_hf  # noqa: E402
from flan_tasks.models.model import Model  # noqa: E402
from flan_tasks.plan.rows import render_chunk  # noqa: E402
from flan_tasks.specs.chat_choices import FIELD, ChatAsked, ChatChoices  # noqa: E402
from flan_tasks.specs.config import CheckpointConfig  # noqa: E402
from flan_tasks.specs.eval_config import Decoding  # noqa: E402
from flan_tasks.store.store import Store, default_store  # noqa: E402
from flan_tasks.trainer.data import BuildSource, keep_chat_tokenizer  # noqa: E402

LENGTHS = {"inputs": 400, "targets": 60}
WHERE = {"source": "samples", "split": "test"}
BUILD = {**WHERE, "report": False, "format": "arrays", "arch": "decoder", "lengths": LENGTHS}


@pytest.fixture(scope="module", autouse=True)
def quick():
    with quickly_compiled():
        yield


def chats(folder):
    """Row of the plan -> its ids, and which of them are trained."""
    found = {}
    for path in sorted((folder / "data").glob("*.tokens.npy")):
        begin = str(path).removesuffix(".tokens.npy")
        names = ("tokens", "segment_ids", "loss_mask", "offsets", "examples")
        tokens, segments, mask, offsets, examples = (np.load(f"{begin}.{n}.npy") for n in names)
        for row, (start, stop) in enumerate(zip(offsets[:-1], offsets[1:], strict=True)):
            for number, example in enumerate(examples[start:stop].tolist(), start=1):
                here = segments[row] == number
                found[example] = tokens[row][here].tolist(), mask[row][here]
    return found


def prompt(inputs, *options, key="0", reasons=False):
    gold = Gold(options[0], options[:1], options, {}, key)
    return Prompt(inputs, gold, reasons=reasons)


@pytest.mark.parametrize(
    ("name", "dataset", "more"),
    [
        ("qwen3", "cb", {}),
        ("qwen3", "esnli", {"reasoning": "field"}),
        ("qwen3", "esnli", {"reasoning": "drop"}),
        ("llama3", "rte", {"system": "Be kind.", "chat_date": "2030-02-03", "shots": 2}),
        ("mistral", "rte", {"shots": 1}),
        ("gemma", "rte", {}),
        ("tagged", "cb", {}),
    ],
)
def test_prompts_and_answers_are_those_of_the_rows_of_a_build(tmp_path, name, dataset, more):
    spec = ft.BuildSpec(mixture=dataset, kinds=("forward",), chat=str(shape(name)), **BUILD, **more)
    ft.build(spec, tmp_path / "a")
    rows = chats(tmp_path / "a")
    plan = plan_spec(spec, catalog()).plan
    drawn = render_chunk(plan, plan.rows(0, len(plan)))
    asked = ChatPrompts(ChatTokenizer(shape(name), spec.chat_choices), LENGTHS)
    told = ft.EvalSpec(
        **{"mixture_or_task_name": dataset, "checkpoint_path": "m", "output_dir": "o"},
        **WHERE,
        shots=more.get("shots", 0),
    )
    prompts = {
        (one.gold.key, question.unit.template): one
        for question in questions(
            evaluation_of(told), catalog()[dataset], catalog(), store=Store(default_store())
        )
        for one in question.prompts(seed=0, budget=asked.budget)
    }
    compared = 0
    for number, row in enumerate(drawn):
        one = prompts.get((row.example.key, row.template.id))
        assert (one is None) == (number not in rows)
        if one is None:
            continue
        ids, mask = rows[number]
        ((whole, is_cut),) = asked.prompts([one])
        start = int(np.flatnonzero(mask)[0])
        assert whole.tolist() == ids[:start] and not is_cut, row
        compared += 1
        if row.dataset.is_ranked:
            option = asked.options([one])[row.targets]
            assert option.ids.tolist() == [i for i, own in zip(ids, mask, strict=True) if own]
    assert compared > 3


def compare_with_whole(name, count):
    """Options are rendered behind the first prompt that lists them, and stand behind every one."""
    chat, dice = ChatTokenizer(shape(name)), random.Random(name)
    written = list(dict.fromkeys(text_of(dice) for _ in range(6 * count)))
    options, inputs = tuple(written[:8]), written[8 : 8 + count]
    asked = ChatPrompts(chat, {"inputs": 9_999, "targets": 9_999})
    prompts = [prompt(text, *options) for text in inputs]
    answers = asked.options(prompts)
    for one, whole in zip(prompts, asked.prompts(prompts), strict=True):
        turns = [[Message(USER, one.inputs), Message(ASSISTANT, text)] for text in options]
        for text, encoded in zip(options, chat.encode_each(turns), strict=True):
            joined = [*whole.ids.tolist(), *answers[text].ids.tolist()]
            assert joined == encoded.ids[: encoded.spans[-1][1]].tolist(), (one.inputs, text)


@pytest.mark.parametrize("name", SHAPES)
def test_prompts_and_options_joined_are_the_conversation(name):
    compare_with_whole(name, 25)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPES)
def test_a_thousand_prompts_and_their_options_joined_are_the_conversation(name):
    compare_with_whole(name, 1_000)


def test_what_is_too_long_is_cut_within_its_turn():
    chat = ChatTokenizer(shape("qwen3"))
    asked = ChatPrompts(chat, {"inputs": 60, "targets": 4})
    long = "a ripe cherry is red, " * 20
    (short, whole) = asked.prompts([prompt("Leaf?", "green"), prompt(long, "green")])
    assert not short.is_cut and whole.is_cut and 50 < len(whole.ids) <= 60
    assert chat.vocabulary.text(whole.ids).endswith(chat.vocabulary.text(short.ids[-20:])[-12:])
    option = asked.options([prompt("Leaf?", "a very green one, as a rule")])
    (cut,) = option.values()
    assert cut.is_cut and len(cut.ids) == 4 and chat.stop_id not in cut.ids
    with pytest.raises(EvaluationError, match="writes .* tokens around a prompt, and prompts may"):
        ChatPrompts(chat, {"inputs": 5, "targets": 4}).prompts([prompt(long, "green")])


def test_thoughts_that_are_written_apart_are_read_as_rows_have_them():
    chat = ChatTokenizer(shape("qwen3"), ChatChoices(reasoning=FIELD))
    asked = ChatPrompts(chat, LENGTHS)
    plain, thinking = prompt("Leaf?", "green"), prompt("Leaf?", "green", reasons=True)
    (quiet, loud) = (one.ids.tolist() for one in asked.prompts([plain, thinking]))
    assert quiet[: len(loud)] == loud and len(quiet) > len(loud)
    turns = [Message(USER, "Leaf?"), Message(ASSISTANT, "Green.", "It is spring.")]
    ids = chat.encode(turns).ids.tolist()
    written = ids[len(loud) : ids.index(chat.stop_id, len(loud))]
    assert asked.written(thinking, written).strip() == "It is spring.\n\nGreen."


# -- Models ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built") / "cb"
    spec = ft.BuildSpec(mixture="cb", kinds=("forward",), chat=str(shape("qwen3")), **BUILD)
    ft.build(spec, folder)
    plan = plan_spec(spec, catalog()).plan
    return render_chunk(plan, plan.rows(0, len(plan))), folder


@pytest.fixture(scope="module")
def trained(built, tmp_path_factory):
    """A MODEL_DIR as `flan train` leaves it, of a model whose inputs see each other otherwise."""
    _, folder = built
    source = BuildSource(ft.open(folder), batch_size=1, seed=0, shuffle=False)
    config = dataclasses.replace(
        CONFIGS["rope"], vocabulary_size=source.reader.manifest["vocabulary_size"], layers=2
    )
    return saved(tmp_path_factory.mktemp("run"), config, source.about, source), config


def saved(folder, config, trained_on, source=None):
    checkpoints = Checkpoints(folder, CheckpointConfig())
    placed = jax.tree.map(jax.numpy.asarray, random_params(Model(config)))
    record = {"config": {"model": config.to_json()}, "trained_on": dict(trained_on)}
    checkpoints.save(1, placed, {"moments": np.zeros(2)}, record)
    checkpoints.close()
    if source is not None:
        keep_chat_tokenizer(source, folder)
    return folder


@pytest.fixture(scope="module")
def scored(built, trained, tmp_path_factory):
    drawn, _ = built
    folder, _ = trained
    out = tmp_path_factory.mktemp("scores") / "a"
    templates = sorted({row.template.id for row in drawn[:2]})
    how = {**WHERE, "templates": templates, "results": False}
    ft.evaluate("cb", model=folder, out=out, **how)
    lines = [
        json.loads(line)
        for path in (out / "predictions" / "cb").glob("*.jsonl")
        for line in path.read_text().splitlines()
    ]
    return out, how, lines


def test_a_score_is_the_loss_of_the_row_in_training(built, trained, scored):
    drawn, folder = built
    _, config = trained
    reader = ft.open(folder)
    batch = reader.rows(range(len(reader)))
    model = Model(config)
    logits = np.asarray(jax.jit(model.logits)(random_params(model), batch), np.float64)
    chances = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    of_target = np.take_along_axis(chances, batch["decoder_target_tokens"][..., None], -1)[..., 0]
    counted = of_target * batch["decoder_loss_weights"]
    (path,) = (folder / "data").glob("*.segment_ids.npy")
    segments = np.load(path)
    offsets, examples = (
        np.load(str(path).replace("segment_ids", name)) for name in ("offsets", "examples")
    )
    losses = {}
    for row, (start, stop) in enumerate(zip(offsets[:-1], offsets[1:], strict=True)):
        for number, example in enumerate(examples[start:stop].tolist(), start=1):
            one = drawn[example]
            losses[one.inputs, one.targets] = counted[row][segments[row] == number].sum()
    compared = 0
    _, _, lines = scored
    for line in lines:
        for option, total in zip(line["options"], line["scores"], strict=True):
            if (line["prompt"], option) in losses:
                np.testing.assert_allclose(total, losses[line["prompt"], option], atol=1e-4)
                compared += 1
    assert compared >= 2


def test_scores_do_not_depend_on_what_prompts_share(trained, scored, monkeypatch):
    folder, _ = trained
    monkeypatch.setattr(trees, "ROW", 32)
    monkeypatch.setattr(trees, "BEGINNING", 4)
    _, _, lines = scored
    opened = open_model(folder)
    answerer = ModelAnswers(opened, decoding=Decoding())
    unit = Unit("cb", "plain", "test", RANK)
    asked = [prompt(one["prompt"], *one["options"], key=str(n)) for n, one in enumerate(lines)]
    found = {
        one.place: record
        for one, record in answerer.answer(Asked(unit, n, one) for n, one in enumerate(asked))
    }
    assert {key[0][0] for key in answerer.programs._compiled} >= {"reading beginnings"}
    for number, line in enumerate(lines):
        np.testing.assert_allclose(found[number].sums, line["scores"], atol=1e-4)
    form = ChatPrompts(opened.chat, LENGTHS)
    some = asked[:3]
    options = form.options(some)
    alone = score_options(
        opened.model,
        opened.params,
        [one.ids for one in form.prompts(some)],
        [[options[text].ids for text in one.gold.options] for one in some],
        batch_size=3,
        programs=Programs(),
    )
    for scores, line in zip(alone, lines, strict=False):
        np.testing.assert_allclose([one.sum for one in scores], line["scores"], atol=1e-4)


def test_answers_are_kept_by_template(trained, scored):
    folder, _ = trained
    out, how, _ = scored
    settings = json.loads((out / "settings.json").read_text())
    template = open_model(folder).chat.name
    assert settings["chat"] == {"template": template, **vars(ChatChoices())}
    with pytest.raises(EvaluationError, match="chat, system: None there, 'Be kind.' now"):
        ft.evaluate("cb", model=folder, out=out, system="Be kind.", **how)


def test_texts_end_with_the_token_of_the_template(trained):
    folder, _ = trained
    opened = open_model(folder)
    assert opened.vocabulary.eos_id == opened.chat.stop_id
    (text,) = ft.infer(["Leaf?"], model=folder, task_feature_lengths={"targets": 4})
    assert opened.chat.stop not in text


def test_a_model_without_its_tokenizer_says_what_to_give(trained, tmp_path):
    folder, _ = trained
    moved = shutil.copytree(folder, tmp_path / "moved")
    shutil.rmtree(moved / "tokenizer")
    with pytest.raises(ModelError, match="does not lie beside it .*give .* as --chat"):
        open_model(moved)
    assert open_model(moved, chat=ChatAsked(str(shape("qwen3")))).chat.stop == "<|im_end|>"
    # Whoever exports it needs the vocabulary alone.
    opened = open_model(moved, vocab=f"{shape('qwen3') / 'tokenizer.json'},eos=<|im_end|>")
    with pytest.raises(ModelError, match="does not lie beside it"):
        ModelAnswers(opened, decoding=Decoding())
    other = shutil.copytree(shape("qwen3"), tmp_path / "other")
    template = other / "chat_template.jinja"
    template.write_text(template.read_text().replace("<think>", "<thought>"))
    with pytest.raises(ModelError, match="was trained on conversations of the chat template"):
        open_model(moved, chat=ChatAsked(str(other)))
    with pytest.raises(ModelError, match="was trained with the vocabulary"):
        open_model(moved, chat=ChatAsked(str(shape("gemma"))))


def test_models_of_others_are_asked_by_the_template_that_is_named(tmp_path, flan):
    # Of the first, answers end with another token than texts.
    gemma, qwen = (exported(name, tmp_path / name) for name in ("gemma", "qwen3"))
    asked = open_model(gemma, chat=ChatAsked(str(gemma)))
    assert asked.vocabulary.eos_id == asked.chat.stop_id
    with pytest.raises(ModelError, match="system: is of conversations; give the tokenizer's"):
        open_model(qwen, chat=ChatAsked(system="Be kind."))
    spec = ft.InferSpec(input_path="a", checkpoint_path=str(qwen), output_path="b")
    lines = []
    assert open_asked(spec, qwen, say=lines.append).chat is None
    assert lines == [f"{qwen} has a chat template, and prompts are asked without it: --chat {qwen}"]
    (tmp_path / "prompts.txt").write_text("Leaf?\n")
    words = ("infer", tmp_path / "prompts.txt", "--out", tmp_path / "a.jsonl")
    more = ("--model", gemma, "--lengths", "targets=3")
    assert f"--chat {gemma} asks by it" in " ".join(flan(*words, *more, code=1).err.split())
    assert "chat template" not in flan(*words, *more, "--chat", gemma).err
    assert "prediction" in (tmp_path / "a.jsonl").read_text()


def exported(name, folder):
    chat = ChatTokenizer(shape(name))
    config = dataclasses.replace(
        CONFIGS["rope-causal"], vocabulary_size=chat.vocabulary.size, layers=2, start_token=-1
    )
    model = Model(config)
    return export_hf(model, random_params(model), folder, vocabulary=chat.vocabulary)


def test_a_record_of_before_names_its_template_alone(built, trained, tmp_path):
    _, folder = built
    about = BuildSource(ft.open(folder), batch_size=1, seed=0, shuffle=False).about
    before = {**about, "chat": about["chat"]["template"]}
    made = saved(tmp_path / "run", trained[1], before)
    with pytest.raises(ModelError, match="of the chat template sha256:.* give .* as --chat"):
        open_model(made)
    asked = open_model(made, chat=ChatAsked(str(shape("qwen3")), system="Be kind."))
    assert asked.chat.choices == ChatChoices(system="Be kind.")


def test_encoder_decoders_have_no_template(tmp_path):
    config = dataclasses.replace(T5, vocabulary_size=400)
    folder = saved(tmp_path / "t5", config, {})
    with pytest.raises(ModelError, match="is an encoder-decoder, for which there is no chat"):
        open_model(folder, chat=ChatAsked(str(shape("qwen3"))))
