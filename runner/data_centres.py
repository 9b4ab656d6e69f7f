"""Zoho's data centres: which accounts server, which API host and which API console belong together.

Source: Zoho's "Multi-DC support" pages of Accounts and of CRM v8, and the data centres of its Python SDK 8.0. What none of
them says is None here: no guess is made.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from runner.records import record


@record
class DataCentre:
    """One data centre: its short name, and the hosts that belong to it."""

    name: str
    accounts: str
    api: str | None
    console: str | None


DATA_CENTRES = (
    DataCentre("US", "accounts.zoho.com", "www.zohoapis.com", "api-console.zoho.com"),
    DataCentre("EU", "accounts.zoho.eu", "www.zohoapis.eu", "api-console.zoho.eu"),
    DataCentre("IN", "accounts.zoho.in", "www.zohoapis.in", "api-console.zoho.in"),
    DataCentre("AU", "accounts.zoho.com.au", "www.zohoapis.com.au", "api-console.zoho.com.au"),
    DataCentre("JP", "accounts.zoho.jp", "www.zohoapis.jp", "api-console.zoho.jp"),
    DataCentre("CN", "accounts.zoho.com.cn", "www.zohoapis.com.cn", None),
    DataCentre("CA", "accounts.zohocloud.ca", "www.zohoapis.ca", "api-console.zohocloud.ca"),
    DataCentre("SA", "accounts.zoho.sa", "www.zohoapis.sa", "api-console.zoho.sa"),
    DataCentre("UK", "accounts.zoho.uk", None, None),
)


def mismatch(accounts: str, api: str) -> tuple[DataCentre, DataCentre] | None:
    """The data centres of an accounts server's and an API host's address, when they are known to be different ones."""
    one, other = of_accounts(host_of(accounts)), of_api(host_of(api))
    return (one, other) if one and other and one is not other else None


def host_of(url: str) -> str:
    """The host of an address, in lower case; empty where it has none, or is no address."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:  # a bracket without its other half
        return ""


def of_accounts(host: str) -> DataCentre | None:
    """The data centre of an accounts server; None for a host that is none."""
    return next((centre for centre in DATA_CENTRES if centre.accounts == host), None)


def of_api(host: str) -> DataCentre | None:
    """The data centre of an API host; None for a host that is none.

    Beside `www` there are `sandbox` and `developer`: environments of an organisation, in the same data centre.
    """
    first, _, rest = host.partition(".")
    if first not in ("www", "sandbox", "developer"):
        return None
    return next((centre for centre in DATA_CENTRES if centre.api == f"www.{rest}"), None)
