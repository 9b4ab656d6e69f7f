"""The device authorization grant (RFC 8628): a code to enter in any browser, while this program asks whether that is done.

begun = begin(provider, outside)
(show begun.user_code and begun.verification_uri)
token = poll(begun, keeper)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from runner.auth.oauth2 import client_authentication, grants
from runner.auth.oauth2.fresh import Keeper
from runner.auth.oauth2.outside import Outside
from runner.auth.oauth2.provider import Provider
from runner.auth.oauth2.token_request import post
from runner.auth.oauth2.tokens import Refused, members, refusal
from runner.errors import CredentialsError, NetworkError, Problem
from runner.quantities import show_seconds
from runner.records import record
from runner.results import StepResult
from runner.scope import Captured
from runner.values import Secret, Value

# Seconds between two polls when the answer does not say (RFC 8628, 3.2), and what slow_down adds (3.5).
INTERVAL, SLOWER = 5.0, 5.0
# Zoho gives the life of a code and the interval in milliseconds, as its clients have observed: neither is longer than this
# many seconds. Its page "Polling request" wants thirty seconds between polls.
_LONGEST, _LONGEST_INTERVAL = 3600.0, 300.0
ZOHO_INTERVAL = 30.0


@record
class Begun:
    """A device authorization that a person is to complete in a browser.

    `verification_uri_complete` holds the code already; None when the provider gives none. `expires_in` and `interval` are
    seconds; `at` is when it was begun (epoch seconds).
    """

    provider: Provider
    device_code: Secret
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_in: float
    interval: float
    at: float


def begin(provider: Provider, outside: Outside) -> Begun:
    """Ask for a code. Raises InputError without a device endpoint, CredentialsError, NetworkError, PolicyError."""
    url = provider.url("device")
    if url is None:
        message = f"the provider `{provider.name}` has no `device-url`"
        raise provider.wrong(message, "add it, or `issuer:` to discover it, or use the grant authorization_code")
    resources = (("resource", text) for text in provider.resources)
    proof = client_authentication.name_alone(provider) if provider.preset.device_by_name else None
    call, response = post(
        provider, url, (*grants.device_authorization(provider), *resources), outside, "device code", proof
    )
    body = members(response)
    names = ("device_code", "user_code")
    code, user_code = (text if isinstance(text := body.get(name), str) else "" for name in names)
    address = body.get("verification_uri") or body.get("verification_url")  # Google's and Zoho's older word
    if not code or not user_code or not isinstance(address, str) or "error" in body:
        raise refusal(provider, call, response, body, "a device code")
    complete = body.get("verification_uri_complete") or body.get("verification_url_complete")
    zoho = provider.preset.name == "zoho"
    expires_in = _seconds(body.get("expires_in"), 300.0, _LONGEST if zoho else None)
    interval = _seconds(body.get("interval"), INTERVAL, _LONGEST_INTERVAL if zoho else None)
    return Begun(
        provider,
        Secret(code, "device-code"),
        user_code,
        address,
        complete if isinstance(complete, str) else None,
        expires_in,
        max(interval, ZOHO_INTERVAL) if zoho else interval,
        outside.now(),
    )


def poll(begun: Begun, keeper: Keeper, waiting: Callable[[float], None] = lambda _: None) -> Captured:
    """The access token, once a person has entered the code; kept with its refresh token when this returns.

    Asks no more often than the provider allows; `waiting` hears before each wait how many seconds are left. Raises
    CredentialsError when the code expires or consent is refused, and as Keeper.access.
    """
    outside = keeper.outside
    # Polls that are answered with "not yet" are no steps of their own in a report.
    held: list[StepResult] = []
    quiet = replace(keeper, outside=replace(outside, told=held.append))
    interval, ends = begun.interval, begun.at + begun.expires_in
    endpoint, asked = grants.device_code(begun.provider, begun.device_code)
    while True:
        left = ends - outside.now()
        if left <= 0:
            raise _expired(begun)
        waiting(left)
        outside.sleep(min(interval, left))
        held.clear()
        try:
            token = quiet.exchange(asked, endpoint=endpoint, counts=False)
        except Refused as refused:
            if refused.code == "slow_down":
                interval += SLOWER
            elif refused.code != "authorization_pending":
                _tell(held, outside)
                raise
        except NetworkError:
            if outside.now() + interval >= ends:
                _tell(held, outside)
                raise
            interval *= 2  # RFC 8628, 3.5: back off when there is no answer
        else:
            _tell(held, outside)
            return token


def _tell(held: list[StepResult], outside: Outside) -> None:
    for found in held:
        outside.told(found)


def _expired(begun: Begun) -> CredentialsError:
    message = f"the code was not entered within {show_seconds(begun.expires_in)}"
    return CredentialsError(Problem(message, begun.provider.location, "log in again for a new one"))


def _seconds(written: Value, default: float, longest: float | None) -> float:
    """Seconds; what is more than `longest` is milliseconds."""
    if isinstance(written, bool) or not isinstance(written, (int, float)) or not 0 < written < 1e9:
        return default
    return written / 1000 if longest is not None and written > longest else float(written)
