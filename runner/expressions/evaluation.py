"""The value of an expression: Jinja2's tree walked over plain data, so that nothing of Python is in reach."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from jinja2 import Undefined, nodes

from runner.errors import Problem
from runner.expressions import filters
from runner.expressions.filters import Unfit
from runner.expressions.language import CONTEXT, ENVIRONMENT, EVAL, GUARDS
from runner.expressions.syntax import Written, duration, roots
from runner.lookup import STALE_WITHIN, Lookup, Name, NoValue, expires_within, find, step_into
from runner.values import MISSING, Missing, as_text, reveal, secrets_in, type_name

_BINARY: dict[type[nodes.Node], tuple[str, Callable[[Any, Any], Any]]] = {
    nodes.Add: ("+", operator.add),
    nodes.Sub: ("-", operator.sub),
    nodes.Mul: ("*", operator.mul),
    nodes.Div: ("/", operator.truediv),
    nodes.FloorDiv: ("//", operator.floordiv),
    nodes.Mod: ("%", operator.mod),
    nodes.Pow: ("**", operator.pow),
}
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gteq": operator.ge,
    "lt": operator.lt,
    "lteq": operator.le,
    "in": lambda item, container: item in container,
    "notin": lambda item, container: item not in container,
}


class Evaluation:
    """One evaluation: what it read, and the names of the secrets among that."""

    def __init__(self, written: Written, lookup: Lookup, guarded: set[str]) -> None:
        self._written = written
        self._lookup = lookup
        self._guarded = guarded
        self.secrets: list[str] = []

    def value(self, node: nodes.Expr) -> Any:
        """The value of `node`; MISSING for what is absent and guarded."""
        for kind in type(node).__mro__:
            method = _METHODS.get(kind)
            if method is not None:
                return method(self, node)
        raise Unfit("this cannot be evaluated")

    def _present(self, node: nodes.Expr) -> Any:
        """As `value`, but absence is an error."""
        found = self.value(node)
        if isinstance(found, (Missing, Undefined)):
            raise NoValue(
                self._written.text,
                Problem(
                    f"a part of `<<{self._written.text}>>` has no value",
                    self._written.location(node.lineno),
                    "add `| default(...)` if it may be absent",
                ),
            )
        return found

    def name(self, node: nodes.Name) -> Any:
        name = node.name
        if name.startswith("$"):
            return self._lookup.dynamic(name)
        where = self._written.location(node.lineno)
        found = find(Name(name, where, name in self._guarded), self._lookup)
        if isinstance(found, Missing):
            return MISSING
        for secret in secrets_in(found):
            if secret.name not in self.secrets:
                self.secrets.append(secret.name)
        return reveal(found)

    def const(self, node: nodes.Const) -> Any:
        return node.value

    def items(self, node: nodes.List) -> Any:
        return [self._present(item) for item in node.items]

    def mapping(self, node: nodes.Dict) -> Any:
        return {self._key(pair.key): self._present(pair.value) for pair in node.items}

    def _key(self, node: nodes.Expr) -> str:
        """The text of a key. Keys are shown and are not masked by their type, so a secret in one is refused."""
        before, self.secrets = self.secrets, []
        key = as_text(self._present(node))
        if self.secrets:
            raise Unfit("a key of the map would hold a secret: put secrets into values")
        self.secrets = before
        return key

    def condition(self, node: nodes.CondExpr) -> Any:
        assert node.expr2 is not None
        return self.value(node.expr1 if self.value(node.test) else node.expr2)

    def both(self, node: nodes.And) -> Any:
        return self.value(node.left) and self.value(node.right)

    def either(self, node: nodes.Or) -> Any:
        return self.value(node.left) or self.value(node.right)

    def negation(self, node: nodes.Not) -> Any:
        return not self.value(node.node)

    def minus(self, node: nodes.Neg) -> Any:
        return -self._number(node.node, "-")

    def plus(self, node: nodes.Pos) -> Any:
        return +self._number(node.node, "+")

    def _number(self, node: nodes.Expr, sign: str) -> Any:
        found = self._present(node)
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            raise Unfit(f"`{sign}` works on a number, not on {_a(type_name(found))}")
        return found

    def arithmetic(self, node: nodes.BinExpr) -> Any:
        sign, function = _BINARY[type(node)]
        left, right = self._present(node.left), self._present(node.right)
        filters.bound_operation(sign, left, right)
        try:
            return function(left, right)
        except TypeError:
            raise Unfit(f"`{sign}` does not work on {_a(type_name(left))} and {_a(type_name(right))}") from None
        except ArithmeticError:
            raise Unfit(f"`{sign}` has no result here (a division by zero, or a number too large)") from None

    def concatenation(self, node: nodes.Concat) -> Any:
        return filters.joined([as_text(self._present(part)) for part in node.nodes])

    def comparison(self, node: nodes.Compare) -> Any:
        left = self._present(node.expr)
        for operand in node.ops:
            right = self._present(operand.expr)
            try:
                if not _COMPARISONS[operand.op](left, right):
                    return False
            except TypeError:
                raise Unfit(f"{_a(type_name(left))} and {_a(type_name(right))} cannot be compared like this") from None
            left = right
        return True

    def item(self, node: nodes.Getitem) -> Any:
        container = self.value(node.node)
        if isinstance(container, Missing):
            return MISSING
        if isinstance(node.arg, nodes.Slice):
            return self._slice(container, node.arg)
        key = self._present(node.arg)
        found = step_into(container, key)
        if isinstance(found, Missing) and not (roots(node) & self._guarded):
            what = f"`{key}`" if isinstance(node.arg, nodes.Const) else "the item that is asked for"
            raise NoValue(
                self._written.text,
                Problem(
                    f"`<<{self._written.text}>>`: {_a(type_name(container))} has no {what}"
                    if not isinstance(container, (dict, list))
                    else f"`<<{self._written.text}>>`: there is no {what}",
                    self._written.location(node.lineno),
                    "add `| default(...)` if it may be absent",
                ),
            )
        return found

    def _slice(self, container: Any, part: nodes.Slice) -> Any:
        bounds = [None if end is None else self._present(end) for end in (part.start, part.stop, part.step)]
        if not isinstance(container, (list, str)) or any(b is not None and not isinstance(b, int) for b in bounds):
            raise Unfit(f"{_a(type_name(container))} cannot be cut like this")
        if bounds[2] == 0:
            raise Unfit("a step of 0 leads nowhere")
        return container[slice(*bounds)]

    def filter(self, node: nodes.Filter) -> Any:
        assert node.node is not None
        if node.name in ("default", "d"):
            return self._default(node)
        given = self._present(node.node)
        arguments, named = self._arguments(node)
        return filters.apply(
            lambda: ENVIRONMENT.call_filter(node.name, given, arguments, named, context=CONTEXT, eval_ctx=EVAL),
            node.name,
            given,
            arguments,
            named,
        )

    def _default(self, node: nodes.Filter) -> Any:
        assert node.node is not None
        try:
            given = self.value(node.node)
        except NoValue:
            given = MISSING
        arguments, named = self._arguments(node)
        fallback = arguments[0] if arguments else named.get("default_value", "")
        when_false = arguments[1] if len(arguments) > 1 else named.get("boolean", False)
        return fallback if isinstance(given, Missing) or (when_false and not given) else given

    def _arguments(self, node: nodes.Filter | nodes.Test) -> tuple[list[Any], dict[str, Any]]:
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            raise Unfit("`*` cannot stand before an argument")
        named: list[Any] = node.kwargs or []  # of nodes.Keyword; its stub says pairs
        return [self._present(given) for given in node.args or ()], {k.key: self._present(k.value) for k in named}

    def test(self, node: nodes.Test) -> Any:
        if node.name in ("stale", "expiring"):
            assert isinstance(node.node, nodes.Name)
            name = node.node.name
            within = STALE_WITHIN if node.name == "stale" else duration(node)
            return expires_within(name, within or 0.0, self._lookup)
        if node.name in GUARDS:
            try:
                absent = isinstance(self.value(node.node), Missing)
            except NoValue:
                absent = True
            return absent if node.name in ("missing", "undefined") else not absent
        given = self._present(node.node)
        arguments, named = self._arguments(node)
        return bool(
            filters.apply(
                lambda: ENVIRONMENT.call_test(node.name, given, arguments, named, context=CONTEXT, eval_ctx=EVAL),
                node.name,
                given,
                arguments,
                named,
            )
        )

    def call(self, node: nodes.Call) -> Any:
        assert isinstance(node.node, nodes.Name)
        name = node.node.name
        arguments = [self._present(argument) for argument in node.args]
        if name == "range":
            return filters.numbers(arguments)
        if name == "any":
            raise Unfit("`any` stands for any value under `like`, and nowhere else")
        try:
            return self._lookup.dynamic(name, *arguments)
        except ValueError as error:
            raise Unfit(f"`{name}` {error}") from None


def _a(noun: str) -> str:
    return "null" if noun == "null" else f"an {noun}" if noun[0] in "aio" else f"a {noun}"


_METHODS: dict[type, Callable[[Evaluation, Any], Any]] = {
    nodes.Name: Evaluation.name,
    nodes.Const: Evaluation.const,
    nodes.List: Evaluation.items,
    nodes.Tuple: Evaluation.items,
    nodes.Dict: Evaluation.mapping,
    nodes.CondExpr: Evaluation.condition,
    nodes.And: Evaluation.both,
    nodes.Or: Evaluation.either,
    nodes.Not: Evaluation.negation,
    nodes.Neg: Evaluation.minus,
    nodes.Pos: Evaluation.plus,
    **dict.fromkeys(_BINARY, Evaluation.arithmetic),
    nodes.Concat: Evaluation.concatenation,
    nodes.Compare: Evaluation.comparison,
    nodes.Getitem: Evaluation.item,
    nodes.Filter: Evaluation.filter,
    nodes.Test: Evaluation.test,
    nodes.Call: Evaluation.call,
}
