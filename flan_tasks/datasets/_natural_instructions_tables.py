"""What the names that Natural Instructions gives to kinds of tasks and sources mean here.

`docs/review/natural_instructions.md` has the reason of each line. Holding out is what the tables
are for: a category that asks what a cluster asks lies in it, and a task made from a data set that
is here under any name (or shares texts with what is) overlaps with that.
"""

import re
from collections.abc import Iterator

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
# What stands before a data set that no dataset here is, but tasks of P3 are made of: its name is
# that of promptsource's folder.
P3 = "p3/"
_RACE = ("p3/race/high", "p3/race/middle")
_DUORC = ("p3/duorc/ParaphraseRC", "p3/duorc/SelfRC")
_ADVERSARIAL_QA = (
    *("p3/adversarial_qa/dbert", "p3/adversarial_qa/dbidaf", "p3/adversarial_qa/droberta"),
)
# Source, as the task files call it -> the datasets that hold some of the same text.
SHARED_BY_SOURCE = {
    "abductive_nli": _STORIES,
    "adversarial_qa": (*_SQUAD, *_ADVERSARIAL_QA),
    "ag_news": ("ag_news",),
    "amazon_and_yelp_summarization_dataset": ("yelp_polarity_reviews", "p3/amazon_polarity"),
    "amazon_fine_food_reviews": ("p3/amazon_polarity",),
    "amazon_polarity": ("p3/amazon_polarity",),
    "amazon_us_reviews": ("p3/amazon_polarity",),
    "ambigqa": ("natural_questions",),
    "anli": ("anli_r1", "anli_r2", "anli_r3"),
    "app_reviews": ("p3/app_reviews",),
    "aqua": ("aqua",),
    "aquamuse": ("natural_questions",),
    "arc": _ARC,
    "boolq": ("bool_q",),
    "break": ("drop",),
    "cb": ("cb",),
    "cola": ("cola",),
    "commongen": ("common_gen",),
    "commonsenseqa": ("ecqa", "p3/cos_e/v1.11"),
    "copa": ("copa",),
    "copa_hr": ("copa",),
    "coqa": ("coqa",),
    "cosmosqa": ("cosmos_qa",),
    "creak_2018": ("creak",),
    "dailydialog": ("dialogsum",),
    "dart": ("dart",),
    "dbpedia_14": ("p3/dbpedia_14",),
    "disfl_qa": _SQUAD,
    "dream": ("dialogsum", "p3/dream"),
    "dualrl": ("yelp_polarity_reviews",),
    "e2e": ("e2e_nlg",),
    "e_snli": ("esnli", "snli"),
    "enhanced_wsc": _WSC,
    "eqasc": ("qasc", "p3/qasc"),
    "essential": _ARC,
    "europarl": _WMT,
    "freebase_qa": ("trivia_qa",),
    "giga_fren": ("wmt14_enfr_from_english", "wmt14_enfr_into_english"),
    "gigaword": ("gigaword",),
    "glucose": _STORIES,
    "hotpotqa": ("p3/kilt_tasks/hotpotqa",),
    "math_qa": ("aqua",),
    "mathmatics_dataset": ("math_dataset",),
    "mathqa": ("aqua",),
    "mctaco": ("multirc",),
    "mocha": ("cosmos_qa", "drop"),
    "mrpc": ("glue_mrpc",),
    "multinli": _MNLI,
    "multirc": ("multirc",),
    "mwsc": _WSC,
    "natural_questions": ("natural_questions",),
    "news_commentary": _WMT,
    "openbookqa": ("openbookqa",),
    "opus_paracrawl": ("para_crawl_enes_from_english", "para_crawl_enes_into_english"),
    "paws": ("paws_wiki",),
    "paws_x": ("paws_wiki",),
    "piqa": ("piqa",),
    "points_of_correspondence": ("cnn_dailymail",),
    "qasc": ("qasc", "p3/qasc"),
    "qed": ("natural_questions", "qed"),
    "qqp": ("glue_qqp",),
    "quail": ("p3/quail",),
    "quarel": ("p3/quarel",),
    "quartz": ("p3/quartz",),
    "ro_sts_parallel": ("stsb",),
    "roc_stories": _STORIES,
    "rocstories": _STORIES,
    "ropes": ("p3/ropes",),
    "rotten_tomatoe": ("sst2",),
    "rte": ("rte",),
    "samsum": ("samsum",),
    "sciq": ("p3/sciq",),
    "scitail": (*_ARC, "p3/sciq"),
    "scitailv1.1": (*_ARC, "p3/sciq"),
    "semeval_2020_task4": ("sensemaking",),
    "sentiment140": ("sentiment140",),
    "snli": ("snli",),
    "social_iqa": ("p3/social_i_qa",),
    "sst2": ("sst2",),
    "storycommonsense": _STORIES,
    "strategyqa": ("strategyqa",),
    "sts_b": ("stsb",),
    "swag": ("hellaswag",),
    "tellmewhy": _STORIES,
    "timetravel": _STORIES,
    "trec": ("trec",),
    "triviaqa": ("trivia_qa",),
    "web_questions": ("p3/web_questions",),
    "wiki_qa": ("p3/wiki_qa",),
    "wino_bias": ("bbh:disambiguation_qa",),
    "winograd_wsc": _WSC,
    "winogrande": ("winogrande",),
    "winomt": ("bbh:disambiguation_qa",),
    "winowhy": _WSC,
    "wiqa": ("p3/wiqa",),
    "wsc; enhanced_wsc": _WSC,
    "wsc_fiexed": _WSC,
    "x_csr": ("ecqa", "p3/cos_e/v1.11"),
    "xcopa": ("copa",),
    "xl_wic": ("wic",),
    "xlsum": ("xsum",),
    "xquad": _SQUAD,
    "yelp_restaurant_review": ("yelp_polarity_reviews",),
}
# The same by a part of the task's name: for sources that say less than the name, and for tasks
# whose source the shipped index does not know.
SHARED_BY_NAME = {
    "_adversarial_qa_": (*_SQUAD, *_ADVERSARIAL_QA),
    "_boolq_": ("bool_q",),
    "_cnn_dailymail_": ("cnn_dailymail",),
    "_copa_": ("copa",),
    "_cosmosqa_": ("cosmos_qa",),
    "_csrg_": _STORIES,
    "_daily_dialog_": ("dialogsum",),
    "_dream_": ("dialogsum", "p3/dream"),
    "_drop_": ("drop",),
    "_duorc_": _DUORC,
    "_hellaswag_": ("hellaswag",),
    "_hotpotqa_": ("p3/kilt_tasks/hotpotqa",),
    "_imdb_": ("imdb_reviews",),
    "_lhoestq_": _SQUAD,
    "_mrqa_": (*_SQUAD, "natural_questions", "trivia_qa"),
    "_multi_news_": ("multi_news",),
    "_multirc_": ("multirc",),
    "_mutual_": ("dialogsum",),
    "_nli_snli_": ("snli",),
    "_parsinlu_entailment_": _MNLI,
    "_parsinlu_qqp_": ("glue_qqp",),
    "_quoref_": ("p3/quoref",),
    "_race_": ("coqa", *_RACE),
    "_record_": ("record",),
    "_ropes_": ("p3/ropes",),
    "_sciq_": ("p3/sciq",),
    "_squad": _SQUAD,
    "_story_cloze": _STORIES,
    "_web_nlg_": ("web_nlg_en",),
    "_wiki_hop_": ("p3/wiki_hop/original",),
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
_MMLU_SUBJECT = re.compile(r"task\d+_mmmlu_answer_generation_(\w+)$")
# The family of its tasks, and what stands in place of the name of one.
_MMLU, _SEVERAL_SUBJECTS = "mmlu", ("random_topic",)
# In a name of a family's member only these may stand.
_OUTSIDE = re.compile(r"[^a-z0-9_]")


def cluster_of(category: str) -> str:
    """Returns the cluster of a category; where it means none of the 12, one of its own."""
    own = re.sub(r"[^a-z0-9]+", "_", category.lower()).strip("_")
    return CLUSTERS.get(category, own)


def shared_datasets(name: str, sources: tuple[str, ...]) -> tuple[str, ...]:
    """Returns what here holds some of a task's text, by its sources and name: its overlaps."""
    shared = (one for one in _shared(name, sources) if not one.startswith(P3))
    return tuple(sorted({*shared, *_mmlu_subjects(name, sources)}))


def data_sets(name: str, sources: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the data sets of P3 that hold some of a task's text, by its sources and name."""
    shared = _shared(name, sources)
    return tuple(sorted(one.removeprefix(P3) for one in shared if one.startswith(P3)))


def _shared(name: str, sources: tuple[str, ...]) -> set[str]:
    shared = {one for source in sources for one in SHARED_BY_SOURCE.get(source, ())}
    for part, datasets in SHARED_BY_NAME.items():
        if part in name:
            shared.update(datasets)
    return shared


def _mmlu_subjects(name: str, sources: tuple[str, ...]) -> Iterator[str]:
    """Yields the task of MMLU that a task was made from; all of them where it does not say."""
    if is_from_mmlu(name, sources):
        subject = _MMLU_SUBJECT.match(name)
        is_one = subject is not None and subject[1] not in _SEVERAL_SUBJECTS
        yield f"{_MMLU}:{subject[1]}" if subject and is_one else _MMLU


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
