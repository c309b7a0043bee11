"""The reference of the Python interface: which names stand on which page.

The texts are the docstrings and the strings under fields, which mkdocstrings reads.
"""

import flan_tasks

# Page -> title, what it is about, and its names, in the order they are met.
GROUPS = {
    "jobs": (
        "Jobs",
        "What the commands do, from Python: keyword arguments or a specification in, a typed "
        "result out, nothing printed.",
        ("rows", "show", "build", "shares", "verify", "report", "diff", "contamination", "lint")
        + (
            "sources",
            "chat_check",
            "train",
            "evaluate",
            "compare",
            "scores",
            "results",
            "infer",
            "export",
            "open",
            "configure",
        ),
    ),
    "specifications": (
        "Specifications",
        "What a job is given, as one frozen value that checks itself when it is made.",
        ("BuildSpec", "PromptSpec", "TrainSpec", "EvalSpec", "InferSpec", "Decoding")
        + ("ReportSpec", "ResultsSpec"),
    ),
    "declarations": (
        "Declarations",
        "What a dataset and a mixture are made of, and how yours are added.",
        ("add", "Dataset", "Tfds", "HuggingFace", "Files", "Alternative", "Splits", "Example")
        + ("Skip", "Mixture", "Part", "Family", "Member", "write_index", "datasets", "templates")
        + ("TemplateSet", "Template"),
    ),
    "seqio": (
        "SeqIO",
        "Tasks and mixtures as SeqIO has them; [SeqIO](../seqio.md) has the names that "
        "`import flan_tasks.registration` registers.",
        ("task", "mixture"),
    ),
    "errors": (
        "Errors",
        "What is raised on purpose, with a message of one line.",
        ("FlanTasksError", "BuildError", "ConfigError", "DeclarationError")
        + ("EvaluationError", "MissingLibraryError", "ModelError", "RowError")
        + ("SourceUnavailableError", "TemplateError")
        + ("UnknownNameError", "VocabularyError"),
    ),
}
# What jobs return: classes that nobody makes by hand, so that they have no public name.
RESULTS = (
    "flan_tasks.row_views.view.RowsView",
    "flan_tasks.jobs.build.BuildResult",
    "flan_tasks.engine.run_local.Status",
    "flan_tasks.jobs.shares.MixtureShares",
    "flan_tasks.jobs.verify.Verified",
    "flan_tasks.jobs.show.ShownPrompts",
    "flan_tasks.jobs.show.ShownPrompt",
    "flan_tasks.jobs.lint.LintResult",
    "flan_tasks.jobs.sources.SourceStates",
    "flan_tasks.jobs.sources.SourceState",
    "flan_tasks.jobs.contamination.Contamination",
    "flan_tasks.jobs.chat_check.ChatCheck",
    "flan_tasks.reports.compare.Difference",
    "flan_tasks.trainer.train.Result",
    "flan_tasks.jobs.evaluate.EvalResult",
    "flan_tasks.jobs.compare.ModelComparison",
    "flan_tasks.reader.Reader",
)


def api_pages() -> dict[str, str]:
    """Returns path -> page: one for each group, and the list of all names."""
    pages = {f"reference/{name}.md": _page(name) for name in GROUPS}
    about = "What jobs return. In a notebook most of them show themselves."
    entries = [_block(path, path.rpartition(".")[2]) for path in RESULTS]
    pages["reference/results.md"] = "\n\n".join(["# Results", about, *entries]) + "\n"
    places = {one: group for group, (_, _, names) in GROUPS.items() for one in names}
    rows = [
        f"| [`ft.{name}`][{_declared(name)}] | [{GROUPS[places[name]][0]}]({places[name]}.md) |"
        for name in sorted(places, key=str.lower)
    ]
    pages["reference/index.md"] = "\n\n".join(
        [
            "# Reference",
            "Every public name of `flan_tasks`, here `ft`; everything else may change. "
            "[Commands](commands.md) and [gin files](gin.md) have pages of their own. "
            "`ft.__version__` is the version, a text.",
            "| name | page |\n|---|---|\n" + "\n".join(rows),
        ]
    )
    return pages


def _page(group: str) -> str:
    title, about, names = GROUPS[group]
    return "\n\n".join([f"# {title}", about, *map(_entry, names)]) + "\n"


def _entry(name: str) -> str:
    more = ("members: [names, get, clusters]",) if name == "datasets" else ()
    return _block(_declared(name), f"ft.{name}", *more)


def _block(path: str, title: str, *more: str) -> str:
    """The lines that mkdocstrings reads."""
    options = [f"heading: {title}", f"toc_label: {title}", *more]
    return "\n".join([f"::: {path}", "    options:", *(f"      {line}" for line in options)])


def _declared(name: str) -> str:
    """Where a name is declared, as it is called there; specifications have other names for gin."""
    value = getattr(flan_tasks, name)
    if name == "datasets":  # a module
        return value.__name__
    return f"{value.__module__}.{value.__qualname__}"


def missing_names() -> list[str]:
    """Returns public names that stand on no page, and names on pages that are not public."""
    listed = {name for _, _, names in GROUPS.values() for name in names}
    return sorted(listed ^ (set(flan_tasks.__all__) - {"__version__"}))
