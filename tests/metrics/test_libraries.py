"""Which libraries metrics need, each tried where no other one can be imported."""

import json
import subprocess
import sys

import pytest
from conftest import ROOT

from flan_tasks.core.dataset import METRIC_NAMES, WORD_METRICS
from flan_tasks.metrics.libraries import libraries

# What pip installs -> modules: its own, and those of ours that it requires.
MODULES = {
    "scikit-learn": ("sklearn", "scipy"),
    "scipy": ("scipy",),
    "nltk": ("nltk", "regex"),
    "regex": ("regex",),
    "rouge-score": ("rouge_score", "nltk", "regex"),
    "sacrebleu": ("sacrebleu", "regex"),
}
SCRIPT = """
import json, sys
from flan_tasks.metrics.gold import Gold
from flan_tasks.metrics.by_name import metric
for name in json.loads(sys.argv[1]):
    sys.modules[name] = None
for name, language in json.loads(sys.argv[2]):
    answer = {"en": "1", "de": "ein Haus"}[language]
    gold = Gold(answer, (answer,), (answer, "2"), {"score": 1.0}, language=language)
    metric(name)([gold], [answer])
"""
ALL = [(name, "en") for name in sorted(METRIC_NAMES)]
ALL += [(name, "de") for name in sorted(WORD_METRICS)]


@pytest.mark.parametrize("needed", sorted({tuple(libraries([one])) for one in ALL}))
def test_metrics_need_no_other_library(needed):
    here = [one for one in ALL if tuple(libraries([one])) == needed]
    kept = {module for name in needed for module in MODULES[name]}
    hidden = sorted({module for names in MODULES.values() for module in names} - kept)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(hidden), json.dumps(here)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-1000:]


def test_segmenters_are_named_once():
    several = [("bleu", "ja"), ("bleu", "ko"), ("bleu", "en"), ("accuracy", "ja")]
    assert libraries(several) == ["regex", "sacrebleu[ja,ko]"]
    assert libraries([("squad", "en"), ("accuracy", "zh")]) == []
