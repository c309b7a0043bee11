import pytest

from flan_tasks.core.errors import DeclarationError
from flan_tasks.core.origin import Alternative, Files, HuggingFace, Tfds
from flan_tasks.datasets import catalog


@pytest.mark.parametrize(
    "name", ["rte:1.0.0", "super_glue/rte:1.0.2", "c4/realnewslike-x.y+z:3.0.1", "x:1.*.*"]
)
def test_names_of_builders_have_their_parts(name):
    assert f"{Tfds(name).builder}:{Tfds(name).version}" == name


@pytest.mark.parametrize(
    "name", ["rte", ":", "rte:", ":1.0", "../../etc:1.0", "a/b/c:1.0", "/abs:1.0", "a:1:2", "a b:1"]
)
def test_what_is_no_builder_is_refused(name):
    with pytest.raises(DeclarationError, match="Tfds"):
        Tfds(name)


@pytest.mark.parametrize(
    "declare",
    [
        lambda: Tfds(3),
        lambda: Tfds("rte:1.0.0", download_mib="3"),
        lambda: Tfds("rte:1.0.0", download_mib=-1),
        lambda: HuggingFace(3),
        lambda: HuggingFace(" "),
        lambda: HuggingFace("owner/name", revision=None),
        lambda: Files(["train.jsonl"]),
        lambda: Files({"train": 3}),
        lambda: Files({"train": "a\0b"}),
        lambda: Alternative("train.jsonl"),
        lambda: Alternative(Files({}), adapt="x"),
        lambda: Alternative(Files({}), splits=("a", "b")),
    ],
)
def test_values_of_other_types_are_refused(declare):
    with pytest.raises(DeclarationError):
        declare()


def test_what_is_declared_here_has_such_names():
    assert all(dataset.source for dataset in catalog().datasets)
