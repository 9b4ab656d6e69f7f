"""How many tokens may still be asked for, and how many refresh tokens have been made."""

from __future__ import annotations

from collections.abc import Iterator

from runner.auth.oauth2 import budget
from runner.auth.oauth2.provider import Provider
from runner.cli import providers
from runner.cli.doctor import credential
from runner.cli.doctor.check import Area, Check
from runner.cli.doctor.credential import Patient
from runner.environment import options
from runner.quantities import show_seconds

AREA = Area("budget")
# So many before the bound, the next ones are worth a word: with Zoho's 20 from the eighteenth on.
NEAR = 2


def examine(patient: Patient) -> Iterator[Check]:
    """The two budgets of a provider, where it has such. Nothing is sent."""
    provider, now = patient.provider, patient.assembly.now()
    bound = provider.budget
    if bound is not None:
        count, within = bound
        times = credential.issued(patient)
        left = budget.left(times, bound, now)
        message = f"{left} of {count} in {show_seconds(within)} are left"
        if left:
            yield AREA.ok("access tokens", message)
        else:
            next_one = f"wait {show_seconds(budget.wait(times, bound, now))}; each try before would prolong it"
            yield AREA.warning("access tokens", message, next_one, "throttled")
    most = provider.preset.refresh_tokens
    counted = providers.refresh_tokens(patient.assembly, provider)
    if most is None or counted is None:
        return
    made = len(counted.made())
    message = f"{made} made in this project, of {most} that a user may have; those made elsewhere are not known"
    if made < most - NEAR:
        yield AREA.ok("refresh tokens", message)
    else:
        yield AREA.warning("refresh tokens", message, hint(provider, made), "many-refresh-tokens")


def hint(provider: Provider, made: int) -> str:
    """What happens to whoever has too many refresh tokens, `made` in this project, and what to do."""
    most = provider.preset.refresh_tokens or made
    ends = f"one more than {most}" if made <= most else f"there are more than {most}, and each new one"
    revoke = f"`zrun token revoke {options(provider.given)}`"
    return f"{ends} ends the oldest, and its access tokens: {revoke} ends the one that is kept here"
