"""The addresses that an environment's file names by naming a preset. Those that it writes out itself, policy finds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runner.auth.oauth2.presets import DEFAULTS, PRESETS
from runner.environment import ProviderSpec

_ENDPOINTS = ("token_url", "device_url", "device_token_url", "revocation_url", "introspection_url")


def named(providers: Iterable[ProviderSpec]) -> Iterator[str]:
    """Each address whose host the file and the preset say; one that a variable's value decides is not among them."""
    for spec in providers:
        written = spec.settings.get("preset")
        preset = PRESETS.get(written.value) if written is not None and isinstance(written.value, str) else None
        for name in _ENDPOINTS if preset is not None else ():
            yield from _filled(getattr(preset, name), spec)


def _filled(address: str, spec: ProviderSpec) -> Iterator[str]:
    """The address up to its path, when its host is fixed, or filled in by the file or by the preset's own default."""
    scheme, _, rest = address.partition("://")
    authority = rest.partition("/")[0]
    if authority.startswith("{") and authority.endswith("}"):
        name = authority[1:-1]
        setting = spec.settings.get(name)
        found = DEFAULTS.get(name, "") if setting is None else setting.value
        authority = found if isinstance(found, str) else ""
    if authority and "{" not in authority:
        yield f"{scheme}://{authority}"
