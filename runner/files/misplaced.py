"""A key that does not belong where it stands: wrongly indented, or another tool's word for what has a name of its own here."""

from __future__ import annotations

from runner import queries
from runner.files import fields
from runner.files.document import Node
from runner.files.fields import Fields

_BODY = "a body is written under what it is: `json`, `form`, `text`, `xml`, `file`, `multipart` or `graphql`"
_EXPECT = "what must hold of the answer stands under `expect`: {status: 200, json $.id: 7}"
_QUERY = "parameters of the query stand under `query`: {page: 2}"
_CAPTURE = "values of the answer are taken under `capture`: {lead-id: json $.data[0].id}"
_NEEDS = "what must run first stands under `needs`: [login]"
_SCRIPT = "there are no scripts: `expect` judges the answer, `capture` takes values of it"
# Words of Postman, Bruno, Hurl and their kin for what a request holds, without their hyphens and in small letters.
_OTHERS = {
    **dict.fromkeys(("body", "data", "payload", "requestbody", "formdata", "urlencoded", "raw"), _BODY),
    **dict.fromkeys(
        ("assert", "asserts", "assertion", "assertions", "expected", "response", "check", "checks"), _EXPECT
    ),
    **dict.fromkeys(("validate", "should"), _EXPECT),
    **dict.fromkeys(("params", "param", "parameters", "querystring", "queryparams", "urlparams", "qs"), _QUERY),
    **dict.fromkeys(("captures", "extract", "set", "export", "output", "outputs"), _CAPTURE),
    **dict.fromkeys(("dependson", "depends", "dependencies", "after", "requires"), _NEEDS),
    **dict.fromkeys(("test", "tests", "script", "scripts", "event", "events", "prerequest"), _SCRIPT),
    "header": "did you mean `headers`? They are a map: {Accept: application/json}",
    "variables": "variables are those of a folder, a collection or an environment; for one run there is --var",
    "vars": "variables stand under `variables` of a folder, a collection or an environment; for one run there is --var",
}


def hint(key: Node, value: Node, parent: Node, known: Fields) -> str | None:
    """What to write in place of `key`, which `parent` may not hold; None when nothing is known of it."""
    if known is fields.COLLECTION or known is fields.FOLDER:
        return _in_a_collection(value, parent)
    if known is fields.REQUEST:
        return _in_a_request(key.key, parent)
    return None


def _in_a_collection(value: Node, parent: Node) -> str | None:
    """A request that stands beside `requests:`."""
    if value.kind != "map" or not any(name in _REQUESTS for name in (inner.key for inner, _ in value.pairs)):
        return None
    above = any(key.key == "requests" for key, _ in parent.pairs)
    return "this looks like a request: " + ("indent it below `requests:`" if above else "put it below `requests:`")


def is_no_request(value: Node) -> bool:
    """Whether `value`, which stands where a request should, cannot be one."""
    if value.kind != "map":
        return value.kind == "list" or value.value is not None
    return not any(name in _REQUESTS for name in (key.key for key, _ in value.pairs))


_REQUESTS = {*fields.METHODS, "method", "url", "extends", "requests"}


def _in_a_request(word: str, parent: Node) -> str | None:
    plain = word.replace("-", "").replace("_", "").replace(" ", "").lower()
    if plain in _OTHERS:
        return _OTHERS[plain]
    if word.partition(" ")[0] in queries.KINDS:
        empty = any(
            key.key == "expect" and value.kind == "scalar" and value.value is None for key, value in parent.pairs
        )
        return "indent it below `expect:`" if empty else "an expectation stands below `expect:`"
    return None
