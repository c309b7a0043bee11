import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_tasks.core.errors import UnknownNameError
from flan_tasks.core.naming import MixtureName, TaskName, member_name, parse_name

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name not in ("mix", "rank")
)
MEMBERS = st.builds("{}:{}".format, NAMES, st.from_regex(r"[a-z0-9_]{1,8}", fullmatch=True))
TASKS = st.one_of(
    st.builds(TaskName, MEMBERS),
    st.builds(TaskName, MEMBERS, NAMES, st.just(True)),
    st.builds(TaskName, NAMES),
    st.builds(TaskName, NAMES, NAMES),
    st.builds(TaskName, NAMES, NAMES, st.just(True)),
)
MIXTURES = st.lists(NAMES, min_size=1, max_size=3).map(lambda parts: MixtureName(".".join(parts)))


@given(st.one_of(TASKS, MIXTURES))
def test_names_round_trip(name):
    assert parse_name(str(name)) == name


@pytest.mark.parametrize(
    "name",
    [
        "rte",
        "flan:",
        "flan:RTE",
        "flan:a.b.c",
        "flan:a..b",
        "my:rte",
        "flan:a:",
        "flan::b",
        "flan:a:b:c",
    ],
)
def test_parse_name_refuses_what_is_none_of_ours(name):
    with pytest.raises(UnknownNameError):
        parse_name(name)


def test_a_members_name_is_the_sources_in_lower_case_words():
    assert (
        member_name("task105_story_cloze-rocstories.v2 é") == "task105_story_cloze_rocstories_v2__"
    )
