"""What the names that Natural Instructions gives to kinds of tasks and sources mean here.

`docs/review/natural_instructions.md` has the reason of each line. Holding out is what the tables
are for: a category that asks what a cluster asks lies in it, and a task made from a data set that
is one of the 62 (or shares texts with it) overlaps with that one.
"""

import re

# Category -> cluster, where both mean the same; the others are clusters of their own.
CLUSTERS = {
    "Textual Entailment": "nli",
    "Sentiment Analysis": "sentiment",
    "Translation": "translation",
    "Coreference Resolution": "coreference",
    "Paraphrasing": "paraphrase",
    "Text Matching": "paraphrase",
    "Data to Text": "struct_to_text",
    "Summarization": "summarization",
    "Title Generation": "summarization",
    "Sentence Compression": "summarization",
    "Cause Effect Classification": "commonsense",
    "Commonsense Classification": "commonsense",
    "Coherence Classification": "commonsense",
    "Text Completion": "commonsense",
    # The 62's cluster `misc` means other tasks.
    "Misc.": "various",
}

_MNLI = ("mnli_matched", "mnli_mismatched")
_SQUAD = ("squad_v1", "squad_v2")
_ARC = ("arc_challenge", "arc_easy")
_WSC = ("wsc", "wsc273")
_STORIES = ("story_cloze",)
_WMT = (
    *("wmt14_enfr_from_english", "wmt14_enfr_into_english"),
    *("wmt16_deen_from_english", "wmt16_deen_into_english"),
)
# Source, as the task files call it -> the datasets that hold some of the same text.
SHARED_BY_SOURCE = {
    "abductive_nli": _STORIES,
    "adversarial_qa": _SQUAD,
    "ag_news": ("ag_news",),
    "amazon_and_yelp_summarization_dataset": ("yelp_polarity_reviews",),
    "ambigqa": ("natural_questions",),
    "anli": ("anli_r1", "anli_r2", "anli_r3"),
    "arc": _ARC,
    "boolq": ("bool_q",),
    "break": ("drop",),
    "cb": ("cb",),
    "cola": ("cola",),
    "commongen": ("common_gen",),
    "copa": ("copa",),
    "copa_hr": ("copa",),
    "coqa": ("coqa",),
    "cosmosqa": ("cosmos_qa",),
    "dart": ("dart",),
    "disfl_qa": _SQUAD,
    "dualrl": ("yelp_polarity_reviews",),
    "e2e": ("e2e_nlg",),
    "e_snli": ("snli",),
    "enhanced_wsc": _WSC,
    "essential": _ARC,
    "europarl": _WMT,
    "freebase_qa": ("trivia_qa",),
    "giga_fren": ("wmt14_enfr_from_english", "wmt14_enfr_into_english"),
    "gigaword": ("gigaword",),
    "glucose": _STORIES,
    "mathmatics_dataset": ("math_dataset",),
    "mctaco": ("multirc",),
    "mocha": ("cosmos_qa", "drop"),
    "mrpc": ("glue_mrpc",),
    "multinli": _MNLI,
    "multirc": ("multirc",),
    "mwsc": _WSC,
    "natural_questions": ("natural_questions",),
    "news_commentary": _WMT,
    "openbookqa": ("openbookqa",),
    "paws": ("paws_wiki",),
    "paws_x": ("paws_wiki",),
    "piqa": ("piqa",),
    "points_of_correspondence": ("cnn_dailymail",),
    "qed": ("natural_questions",),
    "qqp": ("glue_qqp",),
    "ro_sts_parallel": ("stsb",),
    "roc_stories": _STORIES,
    "rocstories": _STORIES,
    "rotten_tomatoe": ("sst2",),
    "rte": ("rte",),
    "samsum": ("samsum",),
    "sentiment140": ("sentiment140",),
    "snli": ("snli",),
    "sst2": ("sst2",),
    "storycommonsense": _STORIES,
    "sts_b": ("stsb",),
    "swag": ("hellaswag",),
    "tellmewhy": _STORIES,
    "timetravel": _STORIES,
    "trec": ("trec",),
    "triviaqa": ("trivia_qa",),
    "winograd_wsc": _WSC,
    "winogrande": ("winogrande",),
    "winowhy": _WSC,
    "wsc; enhanced_wsc": _WSC,
    "wsc_fiexed": _WSC,
    "xcopa": ("copa",),
    "xl_wic": ("wic",),
    "xlsum": ("xsum",),
    "xquad": _SQUAD,
    "yelp_restaurant_review": ("yelp_polarity_reviews",),
}
# The same by a part of the task's name: for sources that say less than the name, and for tasks
# whose source the shipped index does not know.
SHARED_BY_NAME = {
    "_adversarial_qa_": _SQUAD,
    "_boolq_": ("bool_q",),
    "_cnn_dailymail_": ("cnn_dailymail",),
    "_copa_": ("copa",),
    "_cosmosqa_": ("cosmos_qa",),
    "_csrg_": _STORIES,
    "_drop_": ("drop",),
    "_hellaswag_": ("hellaswag",),
    "_imdb_": ("imdb_reviews",),
    "_lhoestq_": _SQUAD,
    "_mrqa_": (*_SQUAD, "natural_questions", "trivia_qa"),
    "_multi_news_": ("multi_news",),
    "_multirc_": ("multirc",),
    "_nli_snli_": ("snli",),
    "_parsinlu_entailment_": _MNLI,
    "_parsinlu_qqp_": ("glue_qqp",),
    "_record_": ("record",),
    "_squad": _SQUAD,
    "_web_nlg_": ("web_nlg_en",),
    "_winogrande_": ("winogrande",),
    "_xlsum_": ("xsum",),
    "_xsum_": ("xsum",),
    "_yelp_": ("yelp_polarity_reviews",),
}

# English name, as the task files have it -> ISO 639 code.
LANGUAGES = {
    **{"Arabic": "ar", "Assamese": "as", "Bengali": "bn", "Bulgarian": "bg", "Burmese": "my"},
    **{"Catalan": "ca", "Central Khmer": "km", "Chinese": "zh", "Croatian": "hr", "Czech": "cs"},
    **{"Danish": "da", "Dutch": "nl", "English": "en", "Estonian": "et", "Filipino": "fil"},
    **{"Finnish": "fi", "French": "fr", "Galician": "gl", "German": "de", "Greek": "el"},
    **{"Gujarati": "gu", "Haitian": "ht", "Hebrew": "he", "Hindi": "hi", "Hungarian": "hu"},
    **{"Igbo": "ig", "Indonesian": "id", "Italian": "it", "Japanese": "ja", "Kannada": "kn"},
    **{"Korean": "ko", "Kurdish": "ku", "Lao": "lo", "Latvian": "lv", "Lithuanian": "lt"},
    **{"Malay": "ms", "Malayalam": "ml", "Marathi": "mr", "Nepali": "ne", "Norwegian": "no"},
    **{"Oriya": "or", "Panjabi": "pa", "Persian": "fa", "Polish": "pl", "Portuguese": "pt"},
    **{"Romanian": "ro", "Russian": "ru", "Sinhala": "si", "Slovak": "sk", "Slovenian": "sl"},
    **{"Somali": "so", "Spanish": "es", "Swahili": "sw", "Swedish": "sv", "Tagalog": "tl"},
    **{"Tamil": "ta", "Telugu": "te", "Thai": "th", "Turkish": "tr", "Ukrainian": "uk"},
    **{"Urdu": "ur", "Vietnamese": "vi", "Xhosa": "xh", "Yoruba": "yo", "Zhuang": "za"},
}

# As the task files write it -> SPDX identifier; every other one stays as it is written.
LICENSES = {
    "AFL 3.0": "AFL-3.0",
    "Apache 2.0": "Apache-2.0",
    "BSD 2-Clause": "BSD-2-Clause",
    "BSD 3-Clause": "BSD-3-Clause",
    "CC BY 3.0": "CC-BY-3.0",
    "CC BY 4.0": "CC-BY-4.0",
    "CC BY-NC 2.0": "CC-BY-NC-2.0",
    "CC BY-NC 3.0": "CC-BY-NC-3.0",
    "CC BY-NC 4.0": "CC-BY-NC-4.0",
    "CC BY-NC-ND 4.0": "CC-BY-NC-ND-4.0",
    "CC BY-NC-SA 3.0": "CC-BY-NC-SA-3.0",
    "CC BY-NC-SA 4.0": "CC-BY-NC-SA-4.0",
    "CC BY-SA 3.0": "CC-BY-SA-3.0",
    "CC BY-SA 4.0": "CC-BY-SA-4.0",
    "CC0": "CC0-1.0",
    "CC0 1.0 Universal": "CC0-1.0",
    "CC0: Public Domain": "CC0-1.0",
    "CDLA Permissive 2.0": "CDLA-Permissive-2.0",
    "MIT": "MIT",
    "Public Domain": "public domain",
    "Unknown": "unknown",
}
UNKNOWN_LICENSE = "unknown"
# The source of the tasks made from MMLU, and what their names hold: never trained on.
MMLU_SOURCE = "measuring_massive_multitask_language_understanding"
_MMLU_NAME = re.compile(r"task\d+_mmmlu_")
# In a name of a family's member only these may stand.
_OUTSIDE = re.compile(r"[^a-z0-9_]")


def cluster_of(category: str) -> str:
    """Returns the cluster of a category; where it means none of the 12, one of its own."""
    own = re.sub(r"[^a-z0-9]+", "_", category.lower()).strip("_")
    return CLUSTERS.get(category, own)


def shared_datasets(name: str, sources: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the datasets of the 62 that hold some of a task's text, by its sources and name."""
    shared = {dataset for source in sources for dataset in SHARED_BY_SOURCE.get(source, ())}
    for part, datasets in SHARED_BY_NAME.items():
        if part in name:
            shared.update(datasets)
    return tuple(sorted(shared))


def is_from_mmlu(name: str, sources: tuple[str, ...]) -> bool:
    """Whether a task was made from MMLU, by its name or its source."""
    return MMLU_SOURCE in sources or _MMLU_NAME.match(name) is not None


def license_of(licenses: tuple[str, ...]) -> str:
    """Returns one line that names a task's licenses, by SPDX identifiers where they fit."""
    names = dict.fromkeys(LICENSES.get(name.strip(), name.strip()) for name in licenses)
    return "; ".join(name for name in names if name) or UNKNOWN_LICENSE


def member_name(source_name: str) -> str:
    """Returns the name a task has here: its own, with every other character an underscore."""
    return _OUTSIDE.sub("_", source_name.lower())
