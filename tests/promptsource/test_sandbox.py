"""Templates that would reach out, loop forever, or fill memory end in an error in words."""

import datetime
import itertools

import pytest

from flan_tasks.core.errors import FlanTasksError, RowError, TemplateError
from flan_tasks.promptsource import allowance
from flan_tasks.promptsource.allowance import most_frequent
from flan_tasks.promptsource.files import PromptTemplate
from flan_tasks.promptsource.rendering import Draws, Renderer

DAY = datetime.datetime(2021, 10, 15, 8, 30)
ROW = {
    "day": DAY,
    "text": "ab " * 20,
    "items": [3, 1, 3],
    "big": 10**12,
    "box": {"a": [1], "items": 7},
}


def rendered(jinja, row=ROW, **given):
    template = PromptTemplate(id="t", name="n", jinja=jinja, **given)
    return Renderer(template, where="f").render(row, Draws(0, "d", "t", "train:0"))


HOSTILE = {
    # Reaching out.
    "class": "{{ ''.__class__.__mro__ }}",
    "class by subscript": "{{ ''['__class__'] }}",
    "class by format": "{{ '{0.__class__}'.format(items) }}",
    "class of undefined": "{{ nothing.__class__ }}",
    "globals of a function": "{{ range.__globals__ }}",
    "globals of a macro": "{% macro m() %}{% endmacro %}{{ m.__call__ }}",
    "environment": "{{ self._TemplateReference__context.environment }}",
    "attr filter": "{{ ''|attr('__class__') }}",
    "attribute by map": "{{ [items]|map(attribute='__class__')|list }}",
    "class method of a type": "{{ dict.fromkeys(items) }}",
    "bytes": "{{ 'x'.encode() }}",
    "include": "{% include 'other' %}",
    "import": "{% import 'other' as o %}",
    "from import": "{% from 'other' import o %}",
    "extends": "{% extends 'other' %}",
    # Without end.
    "nested loops": "{% for a in range(99999) %}{% for b in range(99999) %}"
    "{% endfor %}{% endfor %}",
    "recursive macro": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "doubling macro": "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}"
    "{% endmacro %}{{ m(60) }}",
    "recursive loop": "{% for a in items recursive %}{{ loop(items) }}{% endfor %}",
    "block that calls itself": "{% block b %}{{ self.b() }}{% endblock %}",
    "list that grows in its own loop": "{% set l = [1] %}{% for a in l %}{{ l.append(1) }}"
    "{% endfor %}",
    "long range": "{{ range(10**9)|list }}",
    "power": "{{ 9 ** (9 ** 9) }}",
    "squares": "{% set n = namespace(x=3) %}{% for a in range(99) %}{% set n.x = n.x * n.x %}"
    "{% endfor %}",
    "searches of a long list": "{% set l = range(99999)|list %}{% for a in l %}"
    "{{ l.index(99998) }}{% endfor %}",
    "comparisons of a long text": "{% set t = 'x' * 4000000 %}{% for a in range(99999) %}"
    "{{ 'y' in t }}{% endfor %}",
    "tests of a long list": "{% set l = range(99999)|list %}{% for a in l %}"
    "{{ 1 if -1 is in l }}{% endfor %}",
    "precision of round": "{{ 1.5|round(10**9, 'floor') }}",
    # Gigabytes.
    "repeated text": "{{ 'x' * 10**10 }}",
    "repeated list": "{{ [0] * 10**10 }}",
    "list of itself": "{% set l = [] %}{% for a in range(60) %}{{ l.append(l) }}{% endfor %}"
    "{{ l }}",
    "nested lists": "{% set n = namespace(l=[1]) %}{% for a in range(60) %}"
    "{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l }}",
    "nested lists compared": "{% set n = namespace(a=[1], b=[1]) %}{% for a in range(45) %}"
    "{% set n.a = [n.a, n.a] %}{% set n.b = [n.b, n.b] %}{% endfor %}{{ n.a == n.b }}",
    "nested key": "{% set n = namespace(t=(1,)) %}{% for a in range(60) %}"
    "{% set n.t = (n.t, n.t) %}{% endfor %}{{ {n.t: 1} }}",
    "doubling by +": "{% set n = namespace(x='x') %}{% for a in range(60) %}"
    "{% set n.x = n.x + n.x %}{% endfor %}",
    "doubling by ~": "{% set n = namespace(x='x') %}{% for a in range(60) %}"
    "{% set n.x = n.x ~ n.x %}{% endfor %}",
    "doubling by extend": "{% set l = [1] %}{% for a in range(60) %}{{ l.extend(l) }}{% endfor %}",
    "doubling by block": "{% set n = namespace(x='x') %}{% for a in range(60) %}"
    "{% set y %}{{ n.x }}{{ n.x }}{% endset %}{% set n.x = y %}{% endfor %}",
    "text between loops": "{% for a in range(99999) %}" + "long " * 4000 + "{% endfor %}",
    "join with a long text": "{{ range(99999)|join('x' * 100000) }}",
    "method join": "{{ ('x' * 100000).join(['a'] * 99999) }}",
    "replace by a long text": "{{ ('x' * 99999)|replace('', 'y' * 99999) }}",
    "method replace": "{{ ('x' * 99999).replace('x', 'y' * 99999) }}",
    "center": "{{ 'x'|center(10**10) }}",
    "method center": "{{ 'x'.center(10**10) }}",
    "method ljust": "{{ 'x'.ljust(10**10) }}",
    "method zfill": "{{ 'x'.zfill(width) }}",
    "tabs": "{{ '\t'.expandtabs(10**10) }}",
    "indent": "{{ 'x'|indent(10**10, true) }}",
    "batch": "{{ [1]|batch(10**10, 0)|list }}",
    "width in a format": "{{ '{:9999999999}'.format(1) }}",
    "width of a format from a value": "{{ '{:{}}'.format(1, 10**10) }}",
    "width by percent": "{{ '%9999999999d' % 1 }}",
    "width by a star": "{{ '%*d' % (10**10, 1) }}",
    "filter format": "{{ '%9999999999d'|format(1) }}",
    "map of center": "{{ ['x']|map('center', 10**10)|list }}",
    "sum of lists": "{{ [[1]]|sum(start=[]) }}",
    "answer choices": "x ||| y",
    # No templates.
    "open brace": "{{ ",
    "deep": "{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}",
    "long sum": "{{ " + "1+" * 5000 + "1 }}",
    "unknown filter": "{{ text|shout }}",
    "unknown tag": "{% shout %}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_template_ends_in_words(name, monkeypatch):
    # The same as with the limits of users, and sooner there.
    monkeypatch.setattr(allowance, "MOST_STEPS", 20_000)
    monkeypatch.setattr(allowance, "MOST_CHARACTERS", 10_000_000)
    given = {"answer_choices": "{{ 'x' * 10**10 }}"} if name == "answer choices" else {}
    with pytest.raises(FlanTasksError) as caught:
        rendered(HOSTILE[name], ROW | {"width": 10**10}, **given)
    assert isinstance(caught.value, TemplateError | RowError)
    assert str(caught.value).startswith("f: template 'n'")
    assert len(str(caught.value)) < 600


def test_it_ends_within_the_limits_of_users_too():
    with pytest.raises(TemplateError, match="it takes more than 500,000 steps; no published"):
        rendered(HOSTILE["nested loops"])
    with pytest.raises(TemplateError, match="it handles more than 50,000,000 characters"):
        rendered(HOSTILE["text between loops"])


ORDINARY = [
    # Methods that change lists and dicts, the template's own or copies of the row's.
    ("{% set l = [] %}{{ l.append(1) or '' }}{{ l }}", "[1]"),
    ("{% set l = [4, 5] %}{{ l.pop() }}{{ l }}", "5[4]"),
    ("{% set d = {} %}{{ d.update({'a': 1}) or '' }}{{ d.a }}", "1"),
    ("{{ items.append(9) or '' }}{{ items }}", "[3, 1, 3, 9]"),
    ("{{ box.a.append(2) or '' }}{{ box.a }}", "[1, 2]"),
    ("{{ items.index(1) }}", "1"),
    ("{{ text.split()|length }}", "20"),
    ("{{ text.strip()[:2] }}", "ab"),
    ("{{ text.replace('ab ', 'x')|trim }}", "x" * 20),
    ("{{ ', '.join(['a', 'b']) }}", "a, b"),
    ("{{ '{} of {:>3}'.format(1, 2) }}", "1 of   2"),
    ("{{ '%s: %03d' % ('a', 7) }}", "a: 007"),
    ("{{ '%d in 1234567' % 3 }}", "3 in 1234567"),
    ("{{ '%s'|format(big) }}", str(10**12)),
    ("{{ big + 1 }}", str(10**12 + 1)),
    ("{{ 'a' ~ 1 ~ none ~ nothing }}", "a1None"),
    (
        "{% set n = namespace(x=0) %}{% for i in items %}{% set n.x = n.x + i %}"
        "{% endfor %}{{ n.x }}",
        "7",
    ),
    (
        "{% for a, b in zip(items, 'xyz') %}{{ loop.index }}{{ a }}{{ b }}"
        "{{ ',' if not loop.last }}{% endfor %}",
        "13x,21y,33z",
    ),
    (
        "{% for i in items %}{{ loop.cycle('a', 'b') }}{{ loop.length }}{% else %}none{% endfor %}",
        "a3b3a3",
    ),
    ("{% for i in nothing %}x{% else %}none{% endfor %}", "none"),
    ("{% for i in items if i > 1 %}{{ i }}{% endfor %}", "33"),
    (
        "{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(1) }}"
        "{% macro n() %}[{{ caller() }}]{% endmacro %}"
        "{% call n() %}c{% endcall %}",
        "<1>[c]",
    ),
    ("{% filter upper %}a{{ 1 }}{% endfilter %}", "A1"),
    ("{% set x %}a{{ 1 }}{% endset %}{{ x|upper }}", "A1"),
    ("{{ 'yes' if text is defined and nothing is not defined }}", "yes"),
    ("{{ nothing }}{{ box.nothing }}{{ box['nothing'] }}", ""),
    ("{{ box['items'] }}", "7"),
    ("{{ items|most_frequent }}", "[3]"),
    (
        "{{ items|unique|list }}{{ items|sort }}{{ items|sum }}{{ items|min }}{{ items|max }}",
        "[3, 1][1, 3, 3]713",
    ),
    ("{{ [{'a': 1}, {'a': 2}]|selectattr('a', 'equalto', 2)|map(attribute='a')|join('+') }}", "2"),
    ("{{ items|reject('equalto', 3)|list }}{{ items|map('string')|join('|') }}", "[1]3|1|3"),
    ("{{ [{'a': 1}]|join(',', attribute='a') }}{{ [{'a': 2}]|sum(attribute='a') }}", "12"),
    ("{{ 2.345|round(2) }}{{ '3'|int }}{{ '2.5'|float }}{{ -3|abs }}", "2.3532.53"),
    (
        "{{ 'ab'|first }}{{ 'ab'|last }}{{ nothing|default('d') }}{{ 'ab'|center(6) }}|",
        "abd  ab  |",
    ),
    (
        "{{ 'x' * 3 }}{{ [1] * 2 }}{{ 2 ** 10 }}{{ 7 // 2 }}{{ 7 % 4 }}{{ 7 / 2 }}",
        "xxx[1, 1]1024333.5",
    ),
    (
        "{{ 1 in items }}{{ 'b' in text }}{{ 1 < 2 < 3 }}{{ items == [3, 1, 3] }}",
        "TrueTrueTrueTrue",
    ),
    ("a\n{%- if true -%}\n b {%- endif %}", "ab"),
    ("{{ text|truncate(8) }}", "ab..."),
    ("{# nothing #}{{ dict(a=1).a }}{% raw %}{{ x }}{% endraw %}", "1{{ x }}"),
    (
        "{% for g in [{'a': 1}, {'a': 2}]|groupby('a') %}{{ g.grouper }}{{ g.list|length }}"
        "{% endfor %}",
        "1121",
    ),
    ("{{ day.year }}, {{ day.date().isoformat() }}", "2021, 2021-10-15"),
    ("{{ []|random }}{{ [5]|random }}{{ [6]|choice }}", "56"),
]


@pytest.mark.parametrize(("jinja", "text"), ORDINARY)
def test_what_published_templates_use_works(jinja, text):
    assert rendered("!" + jinja + "!").parts == ("!" + text + "!",)


@pytest.mark.parametrize(("jinja", "text"), ORDINARY)
def test_it_prints_what_plain_jinja_prints(jinja, text):
    import jinja2

    environment = jinja2.Environment()
    environment.globals["zip"] = zip
    environment.filters |= {"choice": lambda values: values[0], "most_frequent": most_frequent}
    row = {name: list(value) if isinstance(value, list) else value for name, value in ROW.items()}
    row["box"] = {"a": [1], "items": 7}
    assert environment.from_string(jinja).render(row) == text


def test_a_row_is_not_changed_by_a_template():
    row = {"items": [1], "box": {"a": []}}
    rendered("{{ items.append(2) }}{{ box.a.append(1) }}{{ box.update({'b': 1}) }} ||| y", row)
    assert row == {"items": [1], "box": {"a": []}}


def test_one_rendering_leaves_nothing_to_the_next():
    renderer = Renderer(
        PromptTemplate(id="t", name="n", jinja="{{ items.append(1) or items|length }}"), where="f"
    )
    for _ in range(3):
        assert renderer.render(ROW, Draws(0, "d", "t", "k")).parts == ("4",)


def test_the_limits_are_far_above_what_a_long_row_needs():
    row = {"supports": ["word " * 2000] * 100, "names": [f"name {n}" for n in range(200)]}
    jinja = (
        "{% for s in supports %}\n- {{ s | trim }}\n{% endfor %}{{ names | join(', ') }}"
        "{% for n in names %}{% if n in names %}{{ names.index(n) }}{% endif %}{% endfor %} ||| x"
    )
    inputs, _ = rendered(jinja, row).parts
    assert len(inputs) > 1_000_000


def test_every_filter_of_jinja_is_there_but_those_left_out():
    from jinja2.filters import FILTERS

    from flan_tasks.promptsource.sandbox import shared_environment

    names = {name for name in shared_environment().filters if not name.startswith(" ")}
    assert names == (FILTERS.keys() - {"attr", "pprint", "tojson", "urlize", "xmlattr"}) | {
        "choice",
        "most_frequent",
    }


def test_most_frequent_keeps_the_order_of_the_first_of_each():
    for items in itertools.permutations("aabb"):
        assert most_frequent(items) == list(dict.fromkeys(items))
    assert most_frequent([]) is None
