"""What users call from Python; everything heavy is imported when it is called.

The one list of the functions that are public; each subject has a module.
"""

from flan_tasks.api.building import build, diff, open_build, report, shares, verify
from flan_tasks.api.declaring import add, templates
from flan_tasks.api.looking import contamination, lint, show, sources
from flan_tasks.api.modeling import compare, evaluate, export, infer, results, scores, train

__all__ = [
    "add",
    "build",
    "compare",
    "contamination",
    "diff",
    "evaluate",
    "export",
    "infer",
    "lint",
    "open_build",
    "report",
    "results",
    "scores",
    "shares",
    "show",
    "sources",
    "templates",
    "train",
    "verify",
]
