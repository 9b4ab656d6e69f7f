"""Authentication schemes: a table of names, a module each, loaded when a request uses it.

A scheme's module has `make(settings) -> Auth`; see credentials.Auth. `oauth2` alone asks for more (a provider, tokens
that last) and is wired by the shell.
"""

from __future__ import annotations

from importlib import import_module

from runner.auth.settings import Kept, Settings
from runner.collection import AuthSpec
from runner.credentials import Auth
from runner.template import Lookup

# scheme -> its module.
SCHEMES = {
    "bearer": "runner.auth.header",
    "header": "runner.auth.header",
    "basic": "runner.auth.basic",
    "digest": "runner.auth.digest",
    "api-key": "runner.auth.api_key",
    "oauth1": "runner.auth.oauth1",
    "aws-sigv4": "runner.auth.aws_sigv4",
    "ntlm": "runner.auth.ntlm",
}


def make(spec: AuthSpec, lookup: Lookup, kept: Kept | None = None) -> Auth:
    """The credentials that `spec` describes in this scope; `kept` is what schemes remember for the run. Raises InputError."""
    module = import_module(SCHEMES[spec.scheme])  # late: a scheme is loaded when a request uses it
    auth: Auth = module.make(Settings(spec.scheme, spec.location, spec.settings, lookup, kept))
    return auth
