"""The device way (RFC 8628): a code to enter in any browser, also on another machine, while zrun asks whether that is done."""

from __future__ import annotations

from runner.auth.oauth2 import device_code
from runner.cli import providers
from runner.cli.doctor import credential
from runner.cli.doctor.credential import Patient
from runner.cli.login.conversation import say
from runner.quantities import show_seconds
from runner.scope import Captured


def log_in(patient: Patient) -> Captured:
    """The access token, once a person has entered the code; kept with its refresh token when this returns.

    Raises CredentialsError when the code expires or consent is refused, NetworkError, PolicyError, InputError.
    """
    environment = patient.assembly.environment
    if environment and environment.sandbox and patient.assembly.running:
        message = "the embedded sandbox knows no device flow (RFC 8628)"
        raise patient.provider.wrong(message, "leave --device out: it makes the code for the login itself")
    asking = providers.asking(patient.assembly, patient.provider, patient.send, lambda _: None)
    begun = device_code.begin(patient.provider, asking)
    say(f"open {begun.verification_uri} in any browser, and enter the code")
    say("")
    say(f"    {begun.user_code}")
    say("")
    if begun.verification_uri_complete:
        say(f"or open {begun.verification_uri_complete}, which holds it already")
    say(f"it is good for {show_seconds(begun.expires_in)}; waiting, asking every {show_seconds(begun.interval)}")
    return device_code.poll(begun, credential.keeper(patient))
