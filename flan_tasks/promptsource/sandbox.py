"""Jinja as promptsource's templates use it, where none can reach out, loop forever or fill memory.

Attributes are those of a short list. Every loop, call, operator, filter and printed piece counts
against an allowance: the template's syntax tree is given the calls that count before it is
compiled. Lists and dicts of a row are copies, so that a template may change them.
"""

import datetime
import functools
import re
from collections.abc import Mapping
from typing import Any

from jinja2 import Template, nodes, pass_context, pass_environment
from jinja2.filters import FILTERS, make_attrgetter
from jinja2.runtime import LoopContext, Macro, Undefined
from jinja2.sandbox import SandboxedEnvironment, SecurityError
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from flan_tasks.promptsource.allowance import (
    MOST_BITS,
    OverAllowance,
    choice,
    current,
    joined,
    measured,
    most_frequent,
    replaced,
    size,
    small,
    stepped,
)

# Names that no template can write, as they hold a blank.
_MEASURED, _STEPPED, _SMALL, _JOINED = " measured", " stepped", " small", " joined"
# Filters whose arguments are widths, counts or digits; round takes a power of ten.
_WIDTHS = {
    **dict.fromkeys(("batch", "center", "indent", "slice", "truncate", "wordwrap"), 100_000),
    "round": 100,
}
# Quadratic ones, and those that make markup for web pages.
_LEFT_OUT = frozenset({"attr", "pprint", "urlize", "xmlattr", "tojson"})
_METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset(
        "capitalize casefold center count endswith expandtabs find format index isalnum isalpha "
        "isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle "
        "isupper join ljust lower lstrip partition removeprefix removesuffix replace rfind rindex "
        "rjust rpartition rsplit rstrip split splitlines startswith strip swapcase title upper "
        "zfill".split()
    ),
    list: frozenset("append clear copy count extend index insert pop remove reverse sort".split()),
    # The last two are those of groupby.
    tuple: frozenset(("count", "index", "grouper", "list")),
    datetime.date: frozenset(
        ("year", "month", "day", "hour", "minute", "second", "date", "isoformat", "weekday")
    ),
    datetime.time: frozenset(("hour", "minute", "second", "isoformat")),
    dict: frozenset("clear copy get items keys pop popitem setdefault update values".split()),
}
_OF_JINJA = ("_loop_vars", "_block_vars")
_PADDING = frozenset(("center", "expandtabs", "ljust", "rjust", "zfill"))
# Methods that take the same time whatever they belong to holds.
_CONSTANT_TIME = frozenset(
    ("append", "get", "items", "keys", "pop", "popitem", "setdefault", "values")
)
_WIDE_FORMAT = re.compile(r"%(\([^)]*\))?[^%a-zA-Z]*(\*|\d{6})|\{[^{}]*(\{|\d{6})")


class PromptEnvironment(SandboxedEnvironment):
    """Jinja with promptsource's filters and its `zip`."""

    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))

    def __init__(self) -> None:
        # Folding constants would run filters when a template is compiled.
        super().__init__(optimized=False, finalize=_printed, loader=None)
        for name in ("lipsum", "cycler", "joiner"):
            self.globals.pop(name, None)
        self.globals["zip"] = zip
        self.filters = {name: one for name, one in FILTERS.items() if name not in _LEFT_OUT}
        self.filters |= {
            _MEASURED: measured,
            _STEPPED: stepped,
            _SMALL: small,
            _JOINED: _concatenated,
            "choice": choice,
            "random": _random,
            "most_frequent": most_frequent,
            "join": _join,
            "replace": _replace,
            "format": _format,
            "sum": _sum,
        }
        for name in ("filter", "test"):
            self.tests.pop(name, None)

    def prepare(self, text: str) -> Template:
        """Compiles a template whose every step counts.

        Raises:
          jinja2.TemplateSyntaxError: the text is no template.
          SecurityError: it asks for another template.
        """
        tree = _Counting().visit(self.parse(text))
        tree.set_environment(self)
        return self.template_class.from_code(self, self.compile(tree), self.make_globals(None))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if not super().is_safe_attribute(obj, attr, value):
            return False
        if isinstance(obj, LoopContext | Namespace):
            return True
        return any(isinstance(obj, kind) and attr in names for kind, names in _METHODS.items())

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        raise SecurityError(
            f"it reads the attribute {attribute} of a {type(obj).__name__}, which templates may not"
        )

    def getitem(self, obj: Any, argument: Any) -> Any:
        current().take_steps()
        measured(argument)
        return super().getitem(obj, argument)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: B902
        # The names of the class above, which keywords of a template cannot be.
        current().take_steps()
        owner = getattr(__obj, "__self__", None)
        name = getattr(__obj, "__name__", "")
        if isinstance(owner, str | list | tuple | dict) and not isinstance(__obj, Macro):
            check = small if name in _PADDING else measured
            # Variables of a loop or block, which Jinja hands to functions that ask for them.
            given = {key: one for key, one in kwargs.items() if key not in _OF_JINJA}
            for argument in (*args, *given.values()):
                check(argument)
            if name not in _CONSTANT_TIME:
                measured(owner)
            if isinstance(owner, str) and name == "join":
                return joined(list(stepped(*args)), owner)
            if isinstance(owner, str) and name == "replace":
                return replaced(owner, *args, **given)
        else:
            measured((args, [one for key, one in kwargs.items() if key not in _OF_JINJA]))
        return measured(super().call(__context, __obj, *args, **kwargs))

    def wrap_str_format(self, value: Any) -> Any:
        wrapped = super().wrap_str_format(value)
        if wrapped is not None:
            _check_format(value.__self__)
        return wrapped

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        current().take_steps()
        if isinstance(left, int) and isinstance(right, int):
            _check_numbers(operator, left, right)
        elif operator == "*":
            times, values = (left, right) if isinstance(left, int) else (right, left)
            if isinstance(times, int) and size(values) * times > 0:
                length = size(values) * times
                if isinstance(values, str):
                    current().take_text(length)
                else:
                    current().take_steps(length)
        elif operator == "%" and isinstance(left, str):
            _check_format(left)
        measured(left)
        measured(right)
        return measured(super().call_binop(context, operator, left, right))

    def call_filter(
        self,
        name: str,
        value: Any,
        args: Any = None,
        kwargs: Any = None,
        context: Any = None,
        eval_ctx: Any = None,
    ) -> Any:
        # What map(), select() and their kin apply to each item.
        current().take_steps()
        measured(value)
        most = _WIDTHS.get(name)
        for argument in (*(args or ()), *(kwargs or {}).values()):
            measured(argument) if most is None else small(argument, most)
        return measured(super().call_filter(name, value, args, kwargs, context, eval_ctx))

    def call_test(
        self,
        name: str,
        value: Any,
        args: Any = None,
        kwargs: Any = None,
        context: Any = None,
        eval_ctx: Any = None,
    ) -> Any:
        measured((value, args, kwargs))
        return super().call_test(name, value, args, kwargs, context, eval_ctx)


class _Counting(NodeTransformer):
    """Puts what counts into a template's syntax tree."""

    def visit_For(self, node: nodes.For) -> nodes.Node:
        self.generic_visit(node)
        assert isinstance(node.iter, nodes.Expr)
        node.iter = _filtered(node.iter, _STEPPED)
        return node

    def visit_Output(self, node: nodes.Output) -> nodes.Node:
        self.generic_visit(node)
        # Text between expressions is printed, and counted, like them.
        node.nodes = [
            nodes.Const(one.data, lineno=one.lineno) if isinstance(one, nodes.TemplateData) else one
            for one in node.nodes
        ]
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), _JOINED)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        self.generic_visit(node)
        # A slice is taken without asking the environment.
        return _filtered(node, _MEASURED) if isinstance(node.arg, nodes.Slice) else node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        self.generic_visit(node)
        node.expr = _filtered(node.expr, _MEASURED)
        for operand in node.ops:
            operand.expr = _filtered(operand.expr, _MEASURED)
        return node

    def visit_Pair(self, node: nodes.Pair) -> nodes.Node:
        self.generic_visit(node)
        node.key = _filtered(node.key, _MEASURED)
        return node

    def visit_Test(self, node: nodes.Test) -> nodes.Node:
        self.generic_visit(node)
        node.args = [_filtered(one, _MEASURED) for one in node.args]
        # Whether a name is defined must be asked of the name itself.
        if node.name not in ("defined", "undefined") and isinstance(node.node, nodes.Expr):
            node.node = _filtered(node.node, _MEASURED)
        return node

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:
        self.generic_visit(node)
        # None in a filter block, where it is what the block printed.
        if isinstance(node.node, nodes.Expr):
            node.node = _filtered(node.node, _MEASURED)
        most = _WIDTHS.get(node.name)
        for position, argument in enumerate(node.args):
            node.args[position] = _bounded(argument, most)
        for keyword in node.kwargs:
            keyword.value = _bounded(keyword.value, most)
        return _filtered(node, _MEASURED)

    def _refuse(self, node: nodes.Node) -> nodes.Node:
        raise SecurityError("it includes another template; a prompt is one template")

    visit_Include = visit_Import = visit_FromImport = visit_Extends = _refuse


def _filtered(node: nodes.Expr, name: str, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno)


def _bounded(node: nodes.Expr, most: int | None) -> nodes.Filter:
    if most is None:
        return _filtered(node, _MEASURED)
    return _filtered(node, _SMALL, nodes.Const(most, lineno=node.lineno))


@pass_context
def _printed(context: Any, value: Any) -> Any:
    current().take_steps()
    return measured(value)


def _concatenated(values: list[Any]) -> str:
    return joined([str(measured(value)) for value in values], "")


@pass_environment
def _random(environment: PromptEnvironment, values: Any) -> Any:
    if not size(values):
        return environment.undefined("No random item, sequence was empty.")
    return choice(values)


@pass_environment
def _join(environment: PromptEnvironment, value: Any, d: Any = "", attribute: Any = None) -> str:
    if attribute is not None:
        value = map(make_attrgetter(environment, attribute), value)
    return joined([str(measured(item)) for item in stepped(value)], str(d))


def _replace(value: Any, old: Any, new: Any, count: int | None = None) -> str:
    return replaced(str(value), str(old), str(new), -1 if count is None else count)


def _format(value: Any, *args: Any, **kwargs: Any) -> str:
    _check_format(str(value))
    return str(value) % (kwargs or args)


@pass_environment
def _sum(
    environment: PromptEnvironment, iterable: Any, attribute: Any = None, start: Any = 0
) -> Any:
    if not isinstance(start, int | float):
        raise SecurityError("the filter sum adds numbers alone")
    if attribute is not None:
        iterable = map(make_attrgetter(environment, attribute), iterable)
    return sum(stepped(iterable), start)


def _check_format(text: str) -> None:
    if _WIDE_FORMAT.search(text):
        raise OverAllowance("it formats with a width that is over 99,999, or that a value gives")


def _check_numbers(operator: str, left: int, right: int) -> None:
    bits = left.bit_length()
    if operator == "**":
        bits *= max(1, abs(right))
    elif operator == "*":
        bits += right.bit_length()
    if bits > MOST_BITS:
        raise OverAllowance(f"it computes a number of more than {MOST_BITS:,} bits")


@functools.cache
def shared_environment() -> PromptEnvironment:
    """The environment of all templates; it holds nothing of any."""
    return PromptEnvironment()
