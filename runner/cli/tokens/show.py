"""`zrun token`: print an access token that is good for a while, getting a new one when it must."""

from __future__ import annotations

import sys
from argparse import Namespace

from runner import errors
from runner.cli import options, tokens
from runner.cli.tokens import forms, holding
from runner.errors import Problem, nearest
from runner.scope import Captured

_EPILOG = """\
examples:
  zrun token -e us                                            the token, alone
  curl -H @<(zrun token -e us --format header) URL            no token on a command line
  eval "$(zrun token -e us --format env)"                     ZRUN_ACCESS_TOKEN, ZRUN_API_DOMAIN, ...
  zrun token -e us --min-ttl 30m --format json                good for half an hour at least

actions, each with its own --help:
  zrun token status     what there is, how long it is good; sends nothing
  zrun token refresh    get a new one now
  zrun token revoke     tell the provider to forget it
  zrun token watch      keep it fresh until stopped

exit status: 0 it is printed, 2 files or arguments, 3 network, 4 the provider refuses, or its budget is used up
"""


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit status."""
    parser = options.Parser(
        "token", "Print an access token that is good for a while; get a new one if it must.", _EPILOG
    )
    holding.add_options(parser)
    add_form(parser)
    chosen = parser.read(arguments, _no_action)
    least = holding.duration("--min-ttl", chosen.min_ttl)
    with holding.holding(chosen) as held:
        token = held.keeper.access(least)
        note(token, least)
        written = forms.text(chosen.format, held, token)
        if sys.stdout.isatty():
            print(
                "zrun: a token on a screen stays in its history; programs take it as $(zrun token ...)", file=sys.stderr
            )
        sys.stdout.flush()
        sys.stdout.buffer.write(written.encode("utf-8", "surrogatepass"))
        sys.stdout.buffer.flush()
    return errors.PASSED


def _no_action(word: str, _: Namespace) -> Problem | None:
    """For a word that is nearly an action."""
    near = nearest(word, tokens.ACTIONS)
    if near is None:
        return None
    return Problem(f"`zrun token` has no action `{word}`", None, f"did you mean `zrun token {near}`?")


def add_form(parser: options.Parser) -> None:
    """--min-ttl and --format."""
    parser.add_argument(
        "--min-ttl",
        metavar="TIME",
        help="at least so long it is to be good (`10m`; default: the provider's `refresh-before`)",
    )
    parser.add_argument("--format", choices=forms.FORMATS, default="raw", help="default: raw")


def note(token: Captured, least: float | None) -> None:
    """Say so when nobody knows whether the token is good for as long as was asked."""
    if least is not None and token.expires_at is None:
        print("zrun: the provider did not say how long the token is good, so --min-ttl is not judged", file=sys.stderr)
