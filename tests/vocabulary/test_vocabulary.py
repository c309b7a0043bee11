import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.core.errors import VocabularyError
from flan_tasks.vocabulary import BytesVocabulary, open_vocabulary

TEXTS = [
    "",
    " two  blanks\tand\nlines ",
    "naïve façade — “quoted” 10 % 😀 {b}",
    "Der Käse schmeckt. Ääni kuuluu. Çok güzel. Čeština. Română: știință. Русский.",
    "<extra_id_0> and <extra_id_99> </s> <pad>",
]


@given(st.text())
def test_bytes_round_trip(text):
    if any("\ud800" <= c <= "\udfff" for c in text):
        return
    vocabulary = BytesVocabulary()
    assert vocabulary.decode(vocabulary.encode([text])[0]) == text


def test_t5_is_known_by_its_content(t5_model):
    vocabulary = open_vocabulary(str(t5_model))
    assert (vocabulary.name, vocabulary.size, vocabulary.eos_id) == ("t5", 32_100, 1)
    ids = vocabulary.encode(["translate English to German: That is good."])[0]
    assert ids.tolist() == [13959, 1566, 12, 2968, 10, 466, 19, 207, 5]


@pytest.mark.parametrize("name", ["t5", "bytes"])
def test_ids_equal_seqio(name, request):
    seqio_task = pytest.importorskip("flan_tasks.seqio.task")
    if name == "t5":
        name = str(request.getfixturevalue("t5_model"))
    theirs = seqio_task.seqio_vocabulary(name)
    for text, ids in zip(TEXTS, open_vocabulary(name).encode(TEXTS), strict=True):
        assert ids.tolist() == list(theirs.encode(text)), text
        assert ids.tolist() == theirs.encode_tf(text).numpy().tolist(), text


def test_t5_is_found_through_the_environment(t5_model, monkeypatch):
    monkeypatch.setenv("FLAN_TASKS_VOCAB", str(t5_model))
    open_vocabulary.cache_clear()
    assert open_vocabulary("t5").name == "t5"
    open_vocabulary.cache_clear()


def test_a_hub_that_is_not_reached_is_one_message_of_ours(monkeypatch, caplog):
    hub = pytest.importorskip("huggingface_hub")
    logging = pytest.importorskip("huggingface_hub.utils.logging")
    logger = logging.get_logger("huggingface_hub.utils._http")

    def download(*_):
        logger.warning("Retrying in 1s [Retry 1/5].")
        raise OSError("no such host")

    monkeypatch.delenv("FLAN_TASKS_VOCAB", raising=False)
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr(hub, "hf_hub_download", download)
    level = logging.get_verbosity()
    with pytest.raises(VocabularyError, match="could not be reached: no such host"):
        open_vocabulary("t5")
    assert not caplog.records and logging.get_verbosity() == level


def test_tokenizer_json_is_read(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    words = {"<pad>": 0, "</s>": 1, "<unk>": 2, "a": 3, "b": 4}
    model = tokenizers.models.WordLevel(words, unk_token="<unk>")
    made = tokenizers.Tokenizer(model)
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    vocabulary = open_vocabulary(str(tmp_path / "tokenizer.json"))
    assert vocabulary.encode(["a b c"])[0].tolist() == [3, 4, 2]
    assert (vocabulary.eos_id, vocabulary.pad_id, vocabulary.size) == (1, 0, 5)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.model", None, r"none.model cannot be read: No such file.*wanted bytes, t5"),
        ("bad.model", b"not a model at all", "bad.model is no SentencePiece model"),
        ("empty.model", b"", "empty.model is no SentencePiece model"),
        ("bad.json", b"{}", "bad.json is no tokenizer.json"),
    ],
)
def test_what_is_no_vocabulary_is_named(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(VocabularyError, match=message):
        open_vocabulary(str(tmp_path / name))


def test_ids_equal_seqio_for_every_template_and_sample_row(t5_model):
    seqio = pytest.importorskip("seqio")
    from flan_tasks.core.render import render
    from flan_tasks.datasets import catalog
    from flan_tasks.jobs.lint import sample_examples

    ours = open_vocabulary(str(t5_model))
    theirs = seqio.SentencePieceVocabulary(str(t5_model), extra_ids=100)
    texts: dict[str, None] = {}
    for dataset in catalog().datasets:
        for example in sample_examples(dataset.name):
            for template in catalog().templates(dataset.name):
                filled = render(template, example)
                texts |= dict.fromkeys((filled.inputs, filled.targets))
    assert len(texts) > 15_000
    for text, ids in zip(texts, ours.encode(list(texts)), strict=True):
        assert ids.tolist() == list(theirs.encode(text)), text


@given(st.lists(st.text(max_size=12), max_size=6), st.integers(2, 9))
def test_flat_ids_are_each_text_cut_and_closed(texts, limit):
    texts = [text for text in texts if text.isprintable()]
    vocabulary = BytesVocabulary()
    flat = vocabulary.encode_flat(texts, limit)
    edges = [0, *flat.lengths.cumsum().tolist()]
    for number, ids in enumerate(vocabulary.encode(texts)):
        assert flat.ids[edges[number] : edges[number + 1]].tolist() == [*ids[: limit - 1], 1]
        assert flat.whole[number] == len(ids) + 1
    assert edges[-1] == len(flat.ids)


def test_flat_ids_of_t5_are_those_of_single_texts(t5_model):
    vocabulary = open_vocabulary(str(t5_model))
    flat = vocabulary.encode_flat(TEXTS, 6)
    edges = [0, *flat.lengths.cumsum().tolist()]
    for number, text in enumerate(TEXTS):
        ids = vocabulary.encode([text])[0].tolist()
        assert flat.ids[edges[number] : edges[number + 1]].tolist() == [*ids[:5], 1]
        assert flat.whole[number] == len(ids) + 1


@pytest.mark.slow
@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_ids_equal_seqio_on_every_real_row(t5_model, real_tree, split, tmp_path):
    seqio = pytest.importorskip("seqio")
    from flan_tasks.datasets import catalog
    from flan_tasks.plan.plan import Plan
    from flan_tasks.plan.prepare import SourceChoice, prepare
    from flan_tasks.plan.rows import render_texts

    prepared = prepare(
        catalog().mixture("all"),
        catalog(),
        source=SourceChoice("tfds", real_tree),
        split=split,
        allow_missing=True,
    )
    items = tuple(item for item in prepared.ingredients if item.available and item.templates)
    plan = Plan(items, 0, tuple(item.available for item in items), grouped=True)
    ours = open_vocabulary(str(t5_model))
    theirs = seqio.SentencePieceVocabulary(str(t5_model), extra_ids=100)
    ties = 0
    for start in range(0, len(plan), 4096):
        rendered = render_texts(plan, plan.rows(start, min(start + 4096, len(plan))))
        for texts in (rendered.inputs, rendered.targets):
            flat = ours.encode_flat(texts, 1 << 20)
            ends = flat.lengths.cumsum() - 1
            assert (flat.ids[ends] == 1).all()
            found = [ids[:-1].tolist() for ids in np.split(flat.ids, ends[:-1] + 1)]
            assert found == [list(theirs.encode(text)) for text in texts]
            # TensorFlow Text has a SentencePiece of its own, which breaks ties between
            # segmentations of one probability, such as of "!!!!!", the other way.
            in_graph = theirs.tf_tokenizer.tokenize(texts).to_list()
            for ids, others in zip(found, in_graph, strict=True):
                if ids != others:
                    ties += 1
                    assert sorted(ids) == sorted(others)
                    assert theirs.decode(ids) == theirs.decode(others)
    assert ties < 0.01 * len(plan)
    print(f"{split}: {len(plan):,} rows, {ties:,} texts in which the graph breaks a tie otherwise")


@pytest.mark.parametrize("limit", [None, 5])
def test_more_texts_than_a_batch_are_encoded_in_their_order(limit):
    vocabulary = open_vocabulary("bytes")
    texts = [str(number) * (number % 4) for number in range(5000)]
    flat = vocabulary.encode_flat(texts, limit)
    ids = [[*one.tolist()[: limit and limit - 1], 1] for one in vocabulary.encode(texts)]
    assert flat.ids.tolist() == [number for one in ids for number in one]
    assert flat.lengths.tolist() == [len(one) for one in ids]
    assert flat.whole.tolist() == [len(text) + 1 for text in texts]
