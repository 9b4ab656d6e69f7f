"""Whom to trust, and how to be trusted: contexts for TLS that cost nothing until the first handshake."""

from __future__ import annotations

import ssl
from typing import Any

from runner.environment import Tls
from runner.errors import InputError, Problem


class _LateContext(ssl.SSLContext):
    """Loads the public certificates at the first handshake, so that plain http never pays for them.

    Until then it trusts nobody: a handshake without them fails.
    """

    _loaded = False

    def load(self) -> None:
        if self._loaded:
            return
        import os  # beside its one use

        file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
        if file or folder:
            try:
                self.load_verify_locations(cafile=file, capath=folder)
            except OSError as error:  # ssl.SSLError is one
                reason = getattr(error, "reason", None) or error.strerror
                message = f"the certificates that SSL_CERT_FILE names cannot be used: {reason}"
                hint = "name a PEM file of authorities, or unset it"
                raise InputError(Problem(message, None, hint)) from None
        else:
            import certifi  # late: of https alone

            self.load_verify_locations(cafile=certifi.where())
        self._loaded = True

    def wrap_socket(self, *arguments: Any, **named: Any) -> ssl.SSLSocket:
        self.load()
        named.setdefault("suppress_ragged_eofs", False)
        return super().wrap_socket(*arguments, **named)

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
        self.load()
        return super().wrap_bio(*arguments, **named)


def context_for(tls: Tls) -> ssl.SSLContext:
    """Raises InputError for a file that cannot be used."""
    context = _LateContext(ssl.PROTOCOL_TLS_CLIENT)
    # An end that TLS was not told of may be anybody's: a body that ends with it is not whole (RFC 9112, 9.8).
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    try:
        if not tls.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context._loaded = True
        elif tls.ca is not None:
            context.load_verify_locations(cafile=str(tls.ca))
            context._loaded = True
        if tls.client_cert is not None:
            context.load_cert_chain(str(tls.client_cert), str(tls.client_key) if tls.client_key else None, lambda: "")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = (
            getattr(error, "reason", None) or error.strerror if isinstance(error, OSError) else "a password is needed"
        )
        hint = "PEM files are wanted; a key must have no password"
        raise InputError(Problem(f"a file of `tls` cannot be used: {reason}", tls.location, hint)) from None
    return context
