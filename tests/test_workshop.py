"""The files an engineer from outside looks for: they parse, and say what the code says."""

import re
import tomllib

import pytest
import yaml
from conftest import ROOT

from flan_tasks.core.origin import SOURCE_KINDS
from flan_tasks.core.version import VERSION

GITHUB = ROOT / ".github"
YAML = sorted([*GITHUB.rglob("*.yml"), ROOT / ".pre-commit-config.yaml", ROOT / "CITATION.cff"])
WORKFLOWS = sorted((GITHUB / "workflows").iterdir())
# What jobs may do besides reading the repository, and who is asked first where there is a rule.
MAY = {
    "publish.yml publish": ({"id-token": "write"}, "pypi"),
    "docs.yml publish": ({"pages": "write", "id-token": "write"}, "github-pages"),
}
SCRIPTS = sorted([ROOT / ".ci" / "run", *ROOT.glob("*.sh"), *(ROOT / "tests").glob("*.sh")])
# What the bash of macOS, 3.2, does not have: letters of another case, lines as an array, arrays by
# name, names of variables; and with `set -u` no empty list of the last arguments.
NEWER_BASH = re.compile(
    r"\$\{\w+(\[[^]]*\])?[\^,@]|\$\{@:|\b(mapfile|readarray|coproc)\b|\b(declare|local) -[An]\b"
    r"|&>>|\|&|;;?&|\bwait -n\b"
)
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").iterdir() if path.stem != "config")
# What is named because it is not here: in no repository, and in a folder of the reader's.
NOT_HERE = {"utils.py", "vocab/t5/spiece.model"}


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps(workflow: str, job: str) -> list[dict]:
    return read(GITHUB / "workflows" / workflow)["jobs"][job]["steps"]


@pytest.mark.parametrize("path", YAML, ids=lambda path: str(path.relative_to(ROOT)))
def test_yaml_parses(path):
    assert isinstance(read(path), dict)


def test_ci_runs_the_commands_of_the_repository():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    commands = [line for line in script if line.startswith("bash ")]
    assert len(commands) == 2
    # The environment is made first, or the commands would take another Python than the matrix's.
    wanted = ["python -m venv .venv", *commands]
    assert [step["run"] for step in steps("ci.yml", "test") if "run" in step] == wanted


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_name_actions_by_commit_and_jobs_may_do_no_more_than_they_need(workflow):
    content, text = read(workflow), workflow.read_text(encoding="utf-8")
    named = re.findall(r"^ +(?:- )?uses: (.+)$", text, re.M)
    by_commit = re.compile(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert named and [one for one in named if not by_commit.fullmatch(one)] == []
    assert content["permissions"] == {"contents": "read"}
    for name, job in content["jobs"].items():
        may, environment = MAY.get(f"{workflow.name} {name}", (None, None))
        assert job.get("permissions") == may
        assert job.get("environment", {}).get("name") == environment
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_one_action_is_of_one_version_everywhere_and_is_kept_up():
    named = re.findall(r"uses: (.+)@(.+)", "\n".join(path.read_text() for path in WORKFLOWS))
    assert len(dict(named)) == len(set(named))
    (update,) = read(GITHUB / "dependabot.yml")["updates"]
    assert (update["package-ecosystem"], update["directory"]) == ("github-actions", "/")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_run_in_the_bash_of_macos(script):
    lines = script.read_text(encoding="utf-8").splitlines()
    code = [line for line in lines if not line.lstrip().startswith("#")]
    assert [line for line in code if NEWER_BASH.search(line)] == []


def test_ci_runs_every_python_that_is_supported():
    matrix = read(GITHUB / "workflows" / "ci.yml")["jobs"]["test"]["strategy"]["matrix"]["include"]
    lowest = re.search(r'python_requires=">=(.+?)"', (ROOT / "setup.py").read_text())[1]
    on = {(one["os"].partition("-")[0], one["python"]) for one in matrix}
    assert {p for os, p in on if os == "ubuntu"} == {"3.11", "3.12", "3.13"}
    assert min(p for _, p in on) == lowest
    assert ("macos", lowest) in on


def test_style_is_the_same_in_the_suite_at_commits_and_in_the_page():
    suite = (ROOT / "tests" / "run.sh").read_text(encoding="utf-8")
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    hooks = read(ROOT / ".pre-commit-config.yaml")["repos"][0]["hooks"]
    entries = [hook["entry"] for hook in hooks]
    for tool in ("ruff check", "ruff format", "mypy"):
        assert f'"$PYTHON" -m {tool}' in suite
        assert [entry for entry in entries if entry.startswith(f".venv/bin/python -m {tool}")]
        assert f"python -m {tool}" in page


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.name)
def test_forms_have_what_github_asks_of_them(form):
    found = read(form)
    assert {"name", "description", "body"} <= found.keys()
    named = [part for part in found["body"] if part["type"] != "markdown"]
    ids = [part["id"] for part in named]
    assert len(set(ids)) == len(ids)
    for part in named:
        assert part["type"] in ("input", "textarea", "dropdown", "checkboxes")
        assert part["attributes"]["label"]
        if part["type"] in ("dropdown", "checkboxes"):
            assert part["attributes"]["options"]


def test_the_form_of_a_broken_dataset_knows_every_source():
    body = read(GITHUB / "ISSUE_TEMPLATE" / "broken_dataset.yml")["body"]
    (source,) = (part for part in body if part["id"] == "source")
    assert set(source["attributes"]["options"]) == set(SOURCE_KINDS)


def test_publishing_finds_the_version_and_has_no_token():
    (check,) = (s["run"] for s in steps("publish.yml", "build") if "version.py" in s.get("run", ""))
    pattern = re.search(r"s/(\^.+?\$)/", check)[1].replace(r"\(", "(").replace(r"\)", ")")
    text = (ROOT / "flan_tasks" / "core" / "version.py").read_text(encoding="utf-8")
    assert re.findall(pattern, text, re.M) == [VERSION]
    publish = read(GITHUB / "workflows" / "publish.yml")["jobs"]["publish"]
    assert publish["environment"]["name"] == "pypi"
    assert publish["permissions"] == {"id-token": "write"}
    assert "build" in publish["needs"]


def test_what_is_cited_is_this_version():
    found = read(ROOT / "CITATION.cff")
    assert found["cff-version"] == "1.2.0"
    assert {"title", "message", "authors"} <= found.keys()
    assert str(found["version"]) == VERSION
    (paper,) = found["references"]
    assert {"type", "title", "authors"} <= paper.keys()


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md"])
def test_files_that_a_page_names_are_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!http)([^)#]+)", text)
    quoted = re.findall(r"`([\w./-]+/[\w./-]*|[\w-]+\.(?:md|py|toml|cff|sh))`", text)
    commands = re.findall(r"\b(?:bash|pytest) ([\w./-]*/[\w./-]+)", text)
    named = {*links, *quoted, *commands} - NOT_HERE
    assert named
    assert [one for one in sorted(named) if not (ROOT / one).exists()] == []


def test_mypy_is_strict_for_what_users_call():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    (strict,) = (part for part in settings["overrides"] if "disallow_untyped_defs" in part)
    for module in strict["module"]:
        path = ROOT.joinpath(*module.removesuffix(".*").split("."))
        assert path.is_dir() or path.with_suffix(".py").is_file(), module
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for room in ("core", "specs", "reader"):
        assert f"flan_tasks.{room}.*" in strict["module"]
        assert f"`flan_tasks/{room}/`" in page
