"""Small tokenizers in the shapes of published ones: same models, control tokens and files beside.

Made with the `tokenizers` and `sentencepiece` libraries from a few sentences. Their ids for plain
text, end tokens and ids with control tokens as special were compared with AutoTokenizer of
transformers 5.24 when these shapes were written.
"""

import io
import json
from pathlib import Path

TEXTS = [
    "a cherry is red and a leaf is green </s> html </span>",
    "Which colour has it?",
    "OPTIONS:\n- red\n- green",
    "Does the hypothesis follow from the premise? yes no maybe",
    "naïve façade 日本 <s> <unk> s> </",
] * 20
LLAMA_3 = ("<|begin_of_text|>", "<|end_of_text|>", "<|pad|>", "<|eom_id|>", "<|eot_id|>")
QWEN = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
DEEPSEEK = (
    "<\uff5cbegin\u2581of\u2581sentence\uff5c>",
    "<\uff5cend\u2581of\u2581sentence\uff5c>",
)
GEMMA = ("<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>")


def byte_level(*special, plain=(), prefix=False):
    """GPT-2's shape: BPE over bytes, control tokens beside the model."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator(TEXTS, trainer)
    made.add_special_tokens(list(special))
    made.add_tokens([AddedToken(token, normalized=False) for token in plain])
    return made


def byte_fallback(*special, gemma=False):
    """Llama 2's and Gemma's shape: a SentencePiece BPE, control tokens and bytes in the model."""
    from tokenizers import Tokenizer, decoders, models, normalizers, trainers

    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    blank = normalizers.Replace(" ", "\u2581")
    begun = normalizers.Sequence([normalizers.Prepend("\u2581"), blank])
    made.normalizer = blank if gemma else begun
    each = [f"<0x{number:02X}>" for number in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=[*special, *each], show_progress=False
    )
    made.train_from_iterator(TEXTS, trainer)
    held = json.loads(made.to_str())
    held["added_tokens"] = [t for t in held["added_tokens"] if t["content"] in special]
    # A conversion from SentencePiece makes merges for whatever two pieces make a piece.
    known = held["model"]["vocab"]
    for token in special:
        halves = [(token[:place], token[place:]) for place in range(1, len(token))]
        held["model"]["merges"] += [list(h) for h in halves if h[0] in known and h[1] in known]
    made = Tokenizer.from_str(json.dumps(held))
    steps = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    made.decoder = decoders.Sequence([*steps, *([] if gemma else [decoders.Strip(" ", 1, 0)])])
    return made


def unigram():
    """T5's shape: a Unigram model that holds its control tokens as pieces, EOS put behind."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer, made.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    special = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=120, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    made.train_from_iterator(TEXTS, trainer)
    made.add_special_tokens(["<extra_id_0>"])
    return put_around(made, "", "</s>")


def put_around(made, begin, end=""):
    """Has a tokenizer put tokens before and behind a text."""
    from tokenizers import processors

    single = f"{begin} $A {end}".strip()
    used = [(token, made.token_to_id(token)) for token in (begin, end) if token]
    made.post_processor = processors.TemplateProcessing(
        single=single, pair=f"{single} $B", special_tokens=used
    )
    return made


def written(folder: Path, made, **beside) -> Path:
    """Writes tokenizer.json and, by their names without .json, files beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    made.save(str(folder / "tokenizer.json"))
    for name, held in beside.items():
        (folder / f"{name}.json").write_text(json.dumps(held), encoding="utf-8")
    return folder


def shape(name: str, folder: Path) -> Path:
    """Writes one of SHAPES."""
    return SHAPES[name](folder)


def _llama_3(folder, eos, generation):
    made = put_around(byte_level(*LLAMA_3), LLAMA_3[0])
    # As some are saved: these settings would cut every text to four ids and fill it up to 32.
    made.enable_truncation(4)
    made.enable_padding(pad_id=made.token_to_id("<|pad|>"), pad_token="<|pad|>", length=32)
    ends = {"eos_token_id": [made.token_to_id(token) for token in generation]}
    config = {"eos_token": eos, "bos_token": LLAMA_3[0]}
    return written(folder, made, tokenizer_config=config, generation_config=ends)


def _qwen(folder, eos, generation):
    made = byte_level(*QWEN, plain=("<tool_call>", "<think>"))
    ends = {"eos_token_id": [made.token_to_id(token) for token in generation]}
    config = {"eos_token": eos, "pad_token": "<|endoftext|>", "bos_token": None}
    return written(folder, made, tokenizer_config=config, generation_config=ends)


def _deepseek(folder):
    made = put_around(byte_level(*DEEPSEEK, plain=("<\uff5cUser\uff5c>",)), DEEPSEEK[0])
    config = {
        "eos_token": {"__type": "AddedToken", "content": DEEPSEEK[1], "normalized": True},
        "pad_token": {"__type": "AddedToken", "content": DEEPSEEK[1], "normalized": True},
    }
    return written(folder, made, tokenizer_config=config)


def _phi_3(folder):
    made = put_around(byte_fallback("<unk>", "<s>", "</s>"), "<s>")
    made.add_special_tokens(["<|endoftext|>", "<|assistant|>", "<|end|>"])
    ends = [made.token_to_id(token) for token in ("<|endoftext|>", "<|assistant|>", "<|end|>")]
    return written(
        folder,
        made,
        special_tokens_map={"eos_token": {"content": "<|endoftext|>"}, "unk_token": "<unk>"},
        generation_config={"eos_token_id": ends},
    )


SHAPES = {
    "gpt2": lambda f: written(f, byte_level("<|endoftext|>")),
    "phi2": lambda f: written(f, byte_level("<|endoftext|>", plain=("  ", "    "))),
    "llama2": lambda f: written(
        f,
        put_around(byte_fallback("<unk>", "<s>", "</s>"), "<s>"),
        generation_config={"eos_token_id": 2, "pad_token_id": 0},
    ),
    "mistral": lambda f: written(
        f,
        put_around(byte_fallback("<unk>", "<s>", "</s>"), "<s>", "</s>"),
        tokenizer_config={"eos_token": "</s>", "pad_token": "<unk>"},
    ),
    "llama3": lambda f: _llama_3(f, "<|end_of_text|>", ["<|end_of_text|>"]),
    "llama3_instruct": lambda f: _llama_3(f, "<|eot_id|>", LLAMA_3[1:2] + LLAMA_3[3:]),
    "qwen": lambda f: _qwen(f, "<|endoftext|>", ["<|endoftext|>"]),
    "qwen_chat": lambda f: _qwen(f, "<|im_end|>", ["<|im_end|>", "<|endoftext|>"]),
    "deepseek": _deepseek,
    "gemma": lambda f: written(
        f,
        put_around(byte_fallback(*GEMMA, gemma=True), "<bos>"),
        tokenizer_config={"eos_token": "<eos>", "pad_token": "<pad>"},
        generation_config={"eos_token_id": [1, 5], "pad_token_id": 0},
    ),
    "phi3": _phi_3,
    "t5": lambda f: written(f, unigram(), config={"eos_token_id": 1, "pad_token_id": 0}),
    "prefix_space": lambda f: written(
        f, put_around(byte_level("<s>", "<pad>", "</s>", prefix=True), "<s>", "</s>")
    ),
}


def sentencepiece_model(path: Path, **settings) -> Path:
    """Writes a small SentencePiece model; settings are those of its trainer."""
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS),
        model_writer=model,
        hard_vocab_limit=False,
        minloglevel=2,
        **{"vocab_size": 90, **settings},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.getvalue())
    return path


def write_words(folder, size, *, begins):
    """A folder of one id a word, `w3 w4 ...`, whose texts begin with <s> (2) or with nothing."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors

    special = ["<pad>", "</s>", "<s>"]
    words = {word: n for n, word in enumerate([*special, *(f"w{n}" for n in range(3, size))])}
    made = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.add_special_tokens([AddedToken(token, special=True) for token in special])
    if begins:
        made.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", 2)]
        )
    folder.mkdir(exist_ok=True)
    made.save(str(folder / "tokenizer.json"))
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>", "bos_token": "<s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps({**about, "pad_token": "<pad>"}))
    (folder / "chat_template.jinja").write_text("{{ messages[0].content }}")
