"""The repairs of the struct-to-text normalizers, each on a toy row."""

import pytest

from flan_tasks.core.example import Skip
from flan_tasks.datasets.struct_to_text import COMMON_GEN, DART, E2E_NLG, WEB_NLG_EN

_TEXT = {"target": "It is so.", "references": []}


def _dart(*facts: str) -> str:
    return DART.normalize({"tripleset": list(facts), **_TEXT}).fields["facts"]


def _web_nlg(*facts: str) -> str:
    return WEB_NLG_EN.normalize({"input": list(facts), **_TEXT}).fields["facts"]


@pytest.mark.parametrize(
    ("joined", "split"),
    [
        ("Lake Mirow SURFACE_AREA 14 km2", "Lake Mirow | surface area | 14 km2"),
        ("FC Tarn GROUND North Park", "FC Tarn | ground | North Park"),
        ("AFC TARN CAPTAIN Al Bo", "AFC TARN | captain | Al Bo"),
        ("3 U.S._VIEWERS_(MILLION) 2.7", "3 | U.S. viewers (million) | 2.7"),
        ("Otto customer rating 3 out of 5", "Otto | customer rating | 3 out of 5"),
        ("Otto eatType pub", "Otto | eat type | pub"),
        ("Brant Lions # 27", "Brant Lions | # | 27"),
    ],
)
def test_dart_fact_is_split_at_its_relation(joined, split):
    assert _dart(joined) == split


def test_dart_facts_stand_inline_as_well():
    row = {"tripleset": ["Mirow OUTFLOW Havel", "Mirow AREA 14"], **_TEXT}
    fields = DART.normalize(row).fields
    assert fields["facts_inline"] == "Mirow | outflow | Havel; Mirow | area | 14"


@pytest.mark.parametrize(
    ("tagged", "plain"),
    [
        ("[TABLECONTEXT] YEAR 1988", "year | 1988"),
        ("[TABLECONTEXT] [TITLE] List of lakes", "title | List of lakes"),
    ],
)
def test_dart_tags_go(tagged, plain):
    assert _dart(tagged) == plain


def test_dart_entities_of_html_are_resolved():
    assert _dart("Ilva OWNER Ilva &amp; Sons") == "Ilva | owner | Ilva & Sons"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("birthPlace", "birth place"),
        ("1st_runway_SurfaceType", "1st runway surface type"),
        ("elevationAboveTheSeaLevel_(in_metres)", "elevation above the sea level (in metres)"),
        ("ISBN_number", "ISBN number"),
        ("UTCOffset", "UTC offset"),
        ("was selected by NASA", "was selected by NASA"),
    ],
)
def test_web_nlg_relation_is_in_words(name, words):
    assert _web_nlg(f"Ann | {name} | 1") == f"Ann | {words} | 1"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Adams_County,_Pennsylvania", "Adams County, Pennsylvania"),
        ('"Rome, Italy"', "Rome, Italy"),
        (r'"Stadium \"North\""', 'Stadium "North"'),
        ('"4020.0"(minutes)', "4020.0 (minutes)"),
        ("Airman_(comicsCharacter)", "Airman (comics character)"),
        ('"A" and "B"', '"A" and "B"'),
    ],
)
def test_web_nlg_value_is_readable(value, shown):
    assert _web_nlg(f"Ann | place | {value}") == f"Ann | place | {shown}"


def test_e2e_nlg_brackets_become_lines():
    row = {"meaning_representation": "name[Otto's], eatType[pub], area[city centre]", **_TEXT}
    attributes = E2E_NLG.normalize(row).fields["attributes"]
    assert attributes == "name: Otto's\neat type: pub\narea: city centre"


def test_text_loses_double_blanks_and_blanks_before_marks():
    row = {"concepts": ["cat"], "target": "A  cat sleeps .", "references": []}
    assert COMMON_GEN.normalize(row).answer == "A cat sleeps."


def test_references_are_distinct_and_begin_with_the_target():
    row = {"concepts": ["cat"], "target": "One.", "references": ["One .", "Two."]}
    assert COMMON_GEN.normalize(row).references == ("One.", "Two.")


def test_rows_without_text_are_skipped():
    row = {"concepts": ["cat"], "target": "", "references": []}
    assert COMMON_GEN.normalize(row) == Skip("no gold text")
