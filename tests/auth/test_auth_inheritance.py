"""Who authenticates how: `auth` on a collection, a folder, a request; what wins; what is a mistake."""

from __future__ import annotations

from pathlib import Path

from tests.commands import write, zrun
from tests.servers import Server

TOKEN = "made-up-token-of-a-test"


def sent(server: Server) -> dict[str, str | None]:
    """The Authorization header of each request, by path."""
    return {path: headers.get("authorization") for (_, path), headers in zip(server.seen, server.headers, strict=True)}


def test_auth_is_inherited_overridden_and_opted_out_of(tmp_path: Path, server: Server) -> None:
    write(
        tmp_path,
        c=f"""\
variables: {{url: "{server.url}/echo", token: {TOKEN}}}
auth: {{bearer: <<token>>}}
requests:
  inherited: {{get: <<url>>/1}}
  none: {{get: <<url>>/2, auth: none}}
  own: {{get: <<url>>/3, auth: {{header: {{prefix: Zoho-oauthtoken, value: <<token>>}}}}}}
  written: {{get: <<url>>/4, headers: {{authorization: mine}}}}
  folder:
    auth: {{header: {{name: X-Token, value: <<token>>}}}}
    requests:
      inherited: {{get: <<url>>/5}}
      none:
        auth: none
        requests:
          deep: {{get: <<url>>/6}}
""",
    )
    done = zrun(tmp_path, "c.yaml")
    assert done.status == 0, done.out + done.err
    assert sent(server) == {
        "/echo/1": f"Bearer {TOKEN}",
        "/echo/2": None,
        "/echo/3": f"Zoho-oauthtoken {TOKEN}",
        "/echo/4": "mine",
        "/echo/5": None,
        "/echo/6": None,
    }
    assert [headers.get("x-token") for headers in server.headers] == [None] * 4 + [TOKEN, None]


def test_mistakes_in_auth_are_told_with_their_places(tmp_path: Path, server: Server) -> None:
    write(
        tmp_path,
        c=f"""\
variables: {{url: "{server.url}"}}
requests:
  a: {{get: <<url>>, auth: {{bearr: x}}}}
  b: {{get: <<url>>, auth: {{basic: {{password: x}}}}}}
  c: {{get: <<url>>, auth: {{api-key: {{value: x, in: headr}}}}}}
  d: {{get: <<url>>, auth: {{bearer: x}}, headers: {{Authorization: y}}}}
  e: {{get: <<url>>, auth: non}}
  f: {{get: <<url>>, auth: {{bearer: <<tokn>>}}}}
""",
    )
    done = zrun(tmp_path, "c.yaml")
    assert done.status == 2
    assert not server.seen
    for told in (
        "c.yaml:3:28: there is no authentication scheme `bearr`",
        "did you mean `bearer`?",
        "c.yaml:4:28: `basic` needs `username`",
        "c.yaml:5:52: `in` has no such word",
        "c.yaml:6:50: `auth` would write the header `Authorization` too",
        "c.yaml:7:27: `auth` is one scheme, or none",
        "did you mean `none`?",
        "c.yaml:8:38: `tokn` is not known",
    ):
        assert told in done.err, f"{told}\n{done.err}"
