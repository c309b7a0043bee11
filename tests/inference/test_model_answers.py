"""Evaluations by toy models, from a checkpoint of ours and from a Hugging Face directory."""

import dataclasses
import json
import re
import shutil

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from toy_models import T5, quickly_compiled, random_params, rows_of

import flan_tasks
from flan_tasks.checkpoints.checkpoint import Checkpoints
from flan_tasks.cli import start
from flan_tasks.core.errors import EvaluationError, ModelError
from flan_tasks.evaluation.records import GENERATE, RANK, Asked, Prompt, Unit
from flan_tasks.evaluation.unconditional import Unconditional
from flan_tasks.inference import answer_ends, refilling
from flan_tasks.inference.infer import read_prompts
from flan_tasks.inference.model_answers import ModelAnswers
from flan_tasks.inference.open_model import open_model
from flan_tasks.metrics.gold import Gold
from flan_tasks.models.hf import export_hf
from flan_tasks.models.model import Model
from flan_tasks.specs.config import CheckpointConfig
from flan_tasks.specs.eval_config import Decoding
from flan_tasks.suites.reading import cut_at_stops
from flan_tasks.vocabulary import BytesVocabulary

CONFIG = dataclasses.replace(T5, vocabulary_size=259)
HOW = {"batch_size": 4, "decoding": Decoding()}
OPTIONS = ("yes", "it is not possible to tell", "no")


@pytest.fixture(scope="module", autouse=True)
def quick():
    with quickly_compiled():
        yield


@pytest.fixture(scope="module")
def model():
    return Model(CONFIG)


@pytest.fixture(scope="module")
def params(model):
    return random_params(model)


@pytest.fixture(scope="module")
def model_dir(model, params, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    checkpoints = Checkpoints(folder, CheckpointConfig())
    placed = jax.tree.map(jax.numpy.asarray, params)
    record = {"config": {"model": CONFIG.to_json()}}
    checkpoints.save(3, placed, {"moments": np.zeros(2)}, record)
    checkpoints.close()
    return folder


@pytest.fixture(scope="module")
def hugging_face(model, params, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hf") / "exported"
    return export_hf(model, params, folder, vocabulary=BytesVocabulary())


def answers_of(path, **changes):
    how = {"lengths": {"inputs": 64, "targets": 32}, **HOW}
    return ModelAnswers(open_model(path), **how | changes)


def prompts(texts=("Is a heron a bird?", "Is tin a bird?", "x" * 100)):
    return [Prompt(t, Gold("yes", ("yes",), OPTIONS, {}, str(i))) for i, t in enumerate(texts)]


def answered(answerer, unit, asked):
    """Answers to the prompts of one unit, in their order."""
    stream = [Asked(unit, place, prompt) for place, prompt in enumerate(asked)]
    records = {one.place: record for one, record in answerer.answer(stream)}
    return [records[place] for place in range(len(asked))]


def slow_sum(model, params, text, option):
    vocabulary = BytesVocabulary()
    pair = [np.append(vocabulary.encode([t])[0], 1).astype(np.int32) for t in (text, option)]
    batch = rows_of("t5", [[tuple(pair)]], inputs=64, targets=32)
    logits = np.asarray(jax.jit(model.logits)(params, batch), np.float64)[0, : len(pair[1])]
    chances = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return chances[np.arange(len(pair[1])), pair[1]].sum(), len(pair[1])


@pytest.mark.parametrize("source", ["model_dir", "hugging_face"])
def test_ranked_options_have_the_scores_of_the_slow_way(source, model, params, request):
    answerer = answers_of(request.getfixturevalue(source))
    asked = prompts()
    found = answered(answerer, Unit("birds", "plain", "test", RANK), asked)
    for prompt, record in zip(asked, found, strict=True):
        # Cut to 63 bytes and EOS.
        for place, option in enumerate(OPTIONS):
            total, tokens = slow_sum(model, params, prompt.inputs[:63], option)
            np.testing.assert_allclose(record.sums[place], total, atol=1e-4)
            assert record.tokens[place] == tokens
    assert [record.trimmed for record in found] == [False, False, True]
    assert len(answerer.programs) == 2


class Asks:
    """A unit whose options are ranked."""

    def __init__(self, unit, asked):
        self.unit, self._asked = unit, asked

    def prompts(self, *, seed, budget):
        return self._asked


def test_options_alone_have_the_scores_of_the_slow_way(model_dir, model, params):
    asks = [Asks(Unit("birds", t, "test", RANK), prompts()) for t in ("plain", "bare")]
    (alone,) = Unconditional(asks, ("unconditional",), seed=0, budget=None).asked
    (record,) = answered(answers_of(model_dir), alone.unit, alone.prompts())
    assert record.prompt.gold.options == tuple(sorted(OPTIONS))
    for option, total in zip(record.prompt.gold.options, record.sums, strict=True):
        np.testing.assert_allclose(total, slow_sum(model, params, "Answer:", option)[0], atol=1e-4)


def test_options_that_are_cut_to_the_same_ids_are_a_tie(model_dir):
    options = ("the first half of it, north", "the first half of it, south", "no")
    gold = Gold(options[0], options[:1], options, {}, "0")
    unit = Unit("birds", "plain", "test", RANK)
    for length, equal in ((10, (0, 0, 2)), (64, ())):
        answerer = answers_of(model_dir, lengths={"inputs": 64, "targets": length})
        (record,) = answered(answerer, unit, [Prompt("Which half?", gold)])
        assert record.equal == equal
        assert (abs(record.sums[0] - record.sums[1]) < 1e-3) == bool(equal)


def test_generated_texts_do_not_depend_on_the_batch(model_dir):
    unit = Unit("birds", "plain", "test", GENERATE)
    asked = prompts()
    sampled = Decoding(method="sample", temperature=0.8, seed=2)
    answerer = answers_of(model_dir, lengths={"inputs": 64, "targets": 8}, decoding=sampled)
    texts = [record.text for record in answered(answerer, unit, asked)]
    turned = [record.text for record in answered(answerer, unit, asked[::-1])]
    assert turned[::-1] == texts
    assert len(set(texts)) > 1


def test_texts_end_where_their_prompts_say(model_dir, monkeypatch):
    unit = Unit("birds", "plain", "test", GENERATE)
    asked = prompts()
    answerer = answers_of(model_dir, lengths={"inputs": 64, "targets": 24})
    texts = [record.text for record in answered(answerer, unit, asked)]
    # A letter in the middle of one, which others may have as well.
    longest = max(texts, key=len)
    stops = (longest[len(longest) // 2], "\n\n\n")
    suite = [dataclasses.replace(prompt, stops=stops) for prompt in asked]
    for looked in (1, 8):
        monkeypatch.setattr(refilling, "LOOKED", looked)
        ended = [record.text for record in answered(answerer, unit, suite)]
        # Those without stop strings lose the blanks at their ends.
        assert [text.strip() for text in ended] == [
            cut_at_stops(text, stops).strip() for text in texts
        ]
    assert len(ended[texts.index(longest)]) < len(longest)
    # A mark that parts exemplars ends an answer as well.
    monkeypatch.setattr(answer_ends, "SEPARATOR", stops[0])
    solved = [dataclasses.replace(prompt, num_shots=2) for prompt in asked]
    found = [record.text for record in answered(answerer, unit, solved)]
    assert found == [cut_at_stops(text, stops[:1]).strip() for text in texts]


def test_prompts_with_equal_texts_are_read_once(model_dir):
    answerer = answers_of(model_dir)
    asked = prompts()
    # The same text with other options, as of another question.
    other = Prompt(asked[0].inputs, Gold("no", ("no",), ("no", "maybe"), {}, "9"))
    unit = Unit("birds", "plain", "test", RANK)
    alone = answered(answers_of(model_dir), unit, asked)
    found = answered(answerer, unit, [*asked, other, asked[1]])
    for record, again in zip(found, [*alone, alone[0], alone[1]], strict=True):
        place = 2 if record.prompt == other else 0
        np.testing.assert_allclose(record.sums[0], again.sums[place], atol=1e-4)
        assert record.tokens == tuple(len(text) + 1 for text in record.prompt.gold.targets)
    assert answerer.reading.tokens == sum(min(len(one.inputs) + 1, 64) for one in asked)
    assert 0 < answerer.reading.padding < 1


def units():
    """Units of few prompts, of two lengths and methods; one has none."""
    texts = ["Is a heron a bird?", "x" * 90, "Is tin a bird?", "Is a wren, a small one, a bird?"]
    sizes = {"plain": 1, "bare": 4, "short": 2, "empty": 0}
    return {
        Unit("birds", template, split, method): prompts(texts[:size])
        for split in ("validation", "test")
        for method in (RANK, GENERATE)
        for template, size in sizes.items()
    }


def stream_of(asked, done=()):
    return (
        Asked(unit, place, prompt, unit in done)
        for unit, of_unit in asked.items()
        for place, prompt in enumerate(of_unit)
    )


@pytest.fixture(scope="module")
def sampler(model_dir):
    sampled = Decoding(method="sample", temperature=0.8, seed=2)
    return answers_of(model_dir, lengths={"inputs": 128, "targets": 8}, decoding=sampled)


@pytest.fixture(scope="module")
def together(sampler):
    return {(one.unit, one.place): record for one, record in sampler.answer(stream_of(units()))}


def test_units_that_share_batches_have_the_answers_of_each_alone(sampler, together):
    asked = units()
    assert len(together) == sum(map(len, asked.values())) == 28
    for unit, of_unit in asked.items():
        for place, record in enumerate(answered(sampler, unit, of_unit)):
            shared = together[unit, place]
            assert (shared.prompt, shared.text, shared.tokens, shared.trimmed) == (
                record.prompt,
                record.text,
                record.tokens,
                record.trimmed,
            )
            np.testing.assert_allclose(shared.sums, record.sums, atol=1e-5)


def test_going_on_gives_the_answers_of_a_run_that_was_never_stopped(sampler, together):
    asked = units()
    done = list(asked)[::2]
    rest = {(one.unit, one.place): record for one, record in sampler.answer(stream_of(asked, done))}
    # To the bit: what was answered before still has its place in the batches.
    assert rest == {key: record for key, record in together.items() if key[0] not in done}
    assert list(sampler.answer(stream_of(asked, list(asked)))) == []


def test_a_model_says_what_it_is(model_dir, hugging_face, tmp_path):
    ours, theirs = open_model(model_dir), open_model(hugging_face)
    assert ours.vocabulary.name == theirs.vocabulary.name == "bytes"
    assert ours.identity["model"].endswith("checkpoint_3")
    assert ours.identity == open_model(model_dir).identity
    copy = shutil.copytree(hugging_face, tmp_path / "copy")
    (copy / "config.json").write_text((copy / "config.json").read_text() + " ")
    assert open_model(copy).identity["files"] != theirs.identity["files"]
    moved = shutil.copytree(model_dir, tmp_path / "moved")
    assert open_model(moved).identity["files"] == ours.identity["files"]
    # Other weights of the same size are another model.
    other = shutil.copytree(hugging_face, tmp_path / "other")
    weights = load_file(other / "model.safetensors")
    weights["decoder.final_layer_norm.weight"][0] += 1
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    assert open_model(other).identity["files"] != theirs.identity["files"]


def test_what_is_no_model_or_another_vocabulary_is_refused(model_dir, tmp_path, t5_model):
    with pytest.raises(ModelError, match="holds no checkpoint"):
        open_model(tmp_path)
    with pytest.raises(ModelError, match="no such directory; give a checkpoint"):
        open_model(tmp_path / "none")
    damaged = shutil.copytree(model_dir, tmp_path / "damaged")
    for path in damaged.rglob("manifest.ocdbt"):
        path.write_bytes(b"x" + path.read_bytes()[1:])
    with pytest.raises(ModelError, match="is damaged"):
        open_model(damaged)
    with pytest.raises(ModelError, match="has 32,100 ids and the model 259"):
        open_model(model_dir, vocab=str(t5_model))


def written(folder, model, params, trained_on):
    checkpoints = Checkpoints(folder, CheckpointConfig())
    record = {"config": {"model": model.config.to_json()}, "trained_on": trained_on}
    placed = jax.tree.map(jax.numpy.asarray, params)
    checkpoints.save(1, placed, {"moments": np.zeros(2)}, record)
    checkpoints.close()
    return folder


def test_a_checkpoint_says_vocabulary_and_lengths(model, params, model_dir, tmp_path):
    said = {"vocabulary": "bytes", "lengths": {"inputs": 48, "targets": 16, "row": 64}}
    folder = written(tmp_path / "said", model, params, said)
    answerer = ModelAnswers(open_model(folder), lengths={"targets": 9}, **HOW)
    assert answerer.lengths == {"inputs": 48, "targets": 9}
    assert answerer.decoding.max_tokens == 9
    assert ModelAnswers(open_model(folder), **HOW).lengths == {"inputs": 48, "targets": 16}
    # One that does not say.
    assert ModelAnswers(open_model(model_dir), **HOW).lengths == {"inputs": 1024, "targets": 256}


def test_a_vocabulary_other_than_that_of_training_is_refused(model, params, tmp_path):
    folder = written(tmp_path, model, params, {"vocabulary": "sha256:0123"})
    with pytest.raises(ModelError, match="trained with the vocabulary file sha256:0123; give it"):
        open_model(folder)
    with pytest.raises(ModelError, match="sha256:0123, and bytes is bytes; its ids mean"):
        open_model(folder, vocab="bytes")


def test_flan_eval_from_the_command_line(model_dir, tmp_path, monkeypatch, capsys):
    def flan(*words, code=0):
        monkeypatch.setattr("sys.argv", ["flan", "eval", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            start.main()
        printed = capsys.readouterr()
        assert caught.value.code == code, printed.err + printed.out
        return printed

    name = flan_tasks.templates("copa").of_kind("forward")[0].id
    words = ("copa", "--source", "samples", "--templates", name, "--split", "test")
    common = (*words, "--lengths", "inputs=512,targets=64", "--out", tmp_path / "out")
    printed = flan(*common, "--model", model_dir, "--wide")
    assert "accuracy" in printed.out and name in printed.out
    # Ten lines of progress at most, and no word of compiling.
    assert len(printed.err.splitlines()) <= 12 and "compiling" not in printed.err
    assert "prompts | " in printed.err
    assert re.search(r"[0-9,]+ tokens read, [0-9.]+% of the positions padding", printed.err)
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {
        "scores.json",
        "scores.csv",
        "scores.svg",
        "settings.json",
        "predictions",
    }
    # Answered already: nothing is compiled, and the table is the same.
    again = flan(*common, "--model", model_dir, "--wide")
    assert (
        again.out == printed.out
        and "prompts | " not in again.err
        and "tokens read" not in again.err
    )
    short = flan(*common, "--model", model_dir)
    assert "chance" in short.out and name not in short.out
    assert max(len(line) for line in short.out.split("\nresults")[0].splitlines()) <= 80
    other = flan(*common, "--model", model_dir, "--seed", "3", code=1)
    assert "seed: 0 there, 3 now" in other.err
    # The same answers, as if made elsewhere, give the same numbers.
    file = next((tmp_path / "out" / "predictions").rglob("*.jsonl"))
    there = (*words, "--out", tmp_path / "there", "--json")
    found = json.loads(flan(*there, "--predictions", file).out)
    ours = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert found["datasets"][0]["spreads"] == ours["datasets"][0]["spreads"]
    flan(*words, "--write-prompts", tmp_path / "prompts.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "prompts.jsonl").read_text().splitlines()]
    assert len(lines) == len(file.read_text().splitlines())
    assert {line["template"] for line in lines} == {name}
    flan(*words, "--out", tmp_path / "no", code=2)
    mixed = (f"flan:copa.{name}", "flan:copa", "--source", "samples", "--out", tmp_path / "no")
    found = flan(*mixed, "--model", model_dir, code=1)
    assert "some of these names mean generation, others do not" in found.err
    flan(*common, "--model", model_dir, "--lengths", "inputs=x", code=2)


def test_flan_infer_gives_every_line_back_with_an_answer(model_dir, tmp_path, monkeypatch, capsys):
    path, out = tmp_path / "prompts.jsonl", tmp_path / "answers.jsonl"
    lines = [{"prompt": "Is a heron a bird?", "id": 7}, {"inputs": "Is tin?", "id": 8}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    words = (path, "--model", model_dir, "--out", out, "--lengths", "inputs=64,targets=8")
    monkeypatch.setattr("sys.argv", ["flan", "infer", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        start.main()
    assert caught.value.code == 0, capsys.readouterr()
    found = [json.loads(line) for line in out.read_text(encoding="utf-8").split("\n") if line]
    assert [{k: v for k, v in line.items() if k != "prediction"} for line in found] == lines
    assert all(isinstance(line["prediction"], str) for line in found)


def test_prompts_are_read_as_json_lines_or_plain_text(tmp_path):
    plain = tmp_path / "prompts.txt"
    plain.write_text("One?\n\nTwo?\n")
    assert [text for text, _ in read_prompts(plain)] == ["One?", "Two?"]
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text('{"prompt": "One?"}\n{"text": "Two?"}\n')
    with pytest.raises(EvaluationError, match="wrong.jsonl:2: wanted a JSON object"):
        read_prompts(wrong)


def test_an_evaluation_from_python_has_the_numbers_of_the_command(model_dir, tmp_path, capfd):
    name = flan_tasks.templates("copa").of_kind("forward")[0].id
    settings = {"split": "test", "templates": [name], "num_examples": 4}
    settings["task_feature_lengths"] = {"inputs": 512, "targets": 64}
    seen = []
    result = flan_tasks.evaluate(
        "copa",
        model=model_dir,
        out=tmp_path / "python",
        source="samples",
        progress=lambda done, total: seen.append((done, total)),
        **settings,
    )
    assert seen[-1][0] == seen[-1][1] > 0 and capfd.readouterr().out == ""
    written = json.loads((tmp_path / "python" / "scores.json").read_text())
    spread = written["datasets"][0]["spreads"][0]
    assert result.means["copa"][spread["number"]] == spread["mean"]
    assert "copa" in result._repr_html_() and not result.missing
    # The same from a specification: it is all there.
    spec = flan_tasks.EvalSpec(
        mixture_or_task_name="copa",
        checkpoint_path=str(model_dir),
        output_dir=str(tmp_path / "python"),
        source="samples",
        **settings,
    )
    assert flan_tasks.evaluate(spec).means == result.means
    with pytest.raises(flan_tasks.UnknownNameError, match="num_example"):
        flan_tasks.evaluate("copa", model=model_dir, out=tmp_path / "x", num_example=3)
    with pytest.raises(flan_tasks.DeclarationError, match="give model= "):
        flan_tasks.evaluate("copa", out=tmp_path / "x")


def test_answers_are_the_same_one_batch_at_a_time(model_dir):
    stream = [
        Asked(unit, place, prompt)
        for unit, asked in units().items()
        for place, prompt in enumerate(asked)
    ]
    answerer = answers_of(model_dir, lengths={"inputs": 64, "targets": 8}, batch_size=2)
    found = []
    for answerer._batches_at_once in (1, 2):
        answers = [((one.unit, one.place), record) for one, record in answerer.answer(stream)]
        found.append(dict(answers))
        assert len(found[-1]) == len(answers) == len(stream)
    assert found[0] == found[1]
