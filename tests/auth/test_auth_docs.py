"""The example of docs/format.md, "Authentication", run: each of its requests carries what its name says."""

from __future__ import annotations

import re
from pathlib import Path

from runner.files import fields
from tests.commands import write, zrun
from tests.servers import Server

PAGE = Path(__file__).parent.parent.parent / "docs" / "format.md"
SECRETS = {name: f"made-up-{name}-of-tests" for name in ("token", "password", "key", "token-secret")}


def example() -> str:
    (found,) = re.findall(r"^```yaml\n(# authentication\n.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_example_runs(tmp_path: Path, server: Server) -> None:
    sources = ", ".join(f"{name}: {{env: DOC_{name.upper().replace('-', '_')}}}" for name in SECRETS)
    write(
        tmp_path,
        c=example().replace("https://api.example.com", f"{server.url}/echo"),
        e__env=f"variables: {{server: {server.url}}}\nsecrets: {{{sources}}}\n",
    )
    given = {f"DOC_{name.upper().replace('-', '_')}": text for name, text in SECRETS.items()}
    done = zrun(tmp_path, "c.yaml", "-e", "e", "-vv", **given)
    assert done.status == 0, done.out + done.err
    assert not [text for text in SECRETS.values() if text in done.out]
    sent = {
        path.removeprefix("/echo/").partition("?")[0]: (path, headers.get("authorization", ""))
        for (_, path), headers in zip(server.seen, server.headers, strict=True)
    }
    words = {name: authorization.partition(" ")[0] for name, (_, authorization) in sent.items()}
    assert words == {
        "bearer": "Bearer",
        "none": "",
        "basic": "Basic",
        "digest": "",  # the server does not ask for it
        "api-key": "",
        "header": "Zoho-oauthtoken",
        "oauth1": "OAuth",
        "aws-sigv4": "AWS4-HMAC-SHA256",
        "ntlm": "NTLM",
    }
    assert sent["api-key"][0].endswith(f"?api_key={SECRETS['key']}")
    dry = zrun(tmp_path, "c.yaml", "-e", "e", "--dry-run", **given)
    assert dry.status == 0
    assert "GET /echo/api-key?api_key=<<key>>" in dry.out
    assert "Authorization: Basic base64(ada:<<password>>)" in dry.out
    assert dry.out.count("(auth: ") == 2


def test_every_scheme_has_its_example() -> None:
    shown = set(re.findall(r"\{?\b([a-z0-9-]+): \{", example())) | set(re.findall(r"auth: \{([a-z0-9-]+):", example()))
    assert set(fields.AUTH) - {"oauth2"} <= shown
