"""The language of expressions: Jinja2's, less what does not see plain data only, plus what an API's client needs."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment
from jinja2.filters import FILTERS
from jinja2.lexer import TokenStream
from jinja2.nodes import EvalContext
from jinja2.runtime import Context
from jinja2.tests import TESTS

from runner.expressions import filters
from runner.lookup import step_into
from runner.values import Missing

# Jinja2's filters that see plain data only and whose results are no larger than what they are given, or bounded here.
_JINJA_FILTERS = (
    "abs batch capitalize center count dictsort filesizeformat first float indent int items last length "
    "list lower map max min reject rejectattr reverse round select selectattr slice sort sum title trim "
    "truncate unique upper wordcount wordwrap"
).split()
_JINJA_TESTS = (
    "boolean divisibleby eq equalto even false float ge greaterthan gt in integer iterable le lessthan "
    "lower lt mapping ne none number odd sequence string true upper"
).split()
# These ask whether a variable has a value, and for how long: its absence is no mistake beside them.
GUARDS = ("missing", "defined", "undefined", "stale", "expiring")
FUNCTIONS = ("range", "any")


class _Data(Environment):
    """Jinja2's environment, reduced to plain data: filters that look into items find keys, never attributes.

    Its parser takes a list of tokens for a source: syntax.py makes them.
    """

    def _tokenize(
        self, source: Any, name: str | None, filename: str | None = None, state: str | None = None
    ) -> TokenStream:
        return TokenStream(iter(source), name, filename)

    def getitem(self, obj: Any, argument: Any) -> Any:
        found = step_into(obj, argument)
        return self.undefined(name=str(argument)) if isinstance(found, Missing) else found

    getattr = getitem  # type: ignore[assignment]  # the same, by another name


ENVIRONMENT = _Data(autoescape=False, optimized=False)
ENVIRONMENT.globals = {}
ENVIRONMENT.filters = {name: FILTERS[name] for name in _JINJA_FILTERS} | filters.FILTERS
ENVIRONMENT.tests = {name: TESTS[name] for name in _JINJA_TESTS}
CONTEXT = Context(ENVIRONMENT, {}, None, {})
EVAL = EvalContext(ENVIRONMENT)
