"""What is told of files before anything is sent: forgotten rows and environments, mixed data centres, foreign braces."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import write, zrun

INVITE = """\
requests:
  invite: {post: "https://api.example.com/<<row.Email>>?<<iteration>>"}
"""


def test_a_collection_for_rows_is_checked_without_them(tmp_path: Path) -> None:
    folder = write(tmp_path, c=INVITE, us__env="variables: {}")
    for arguments in ((), ("-e", "us")):
        done = zrun(folder, "check", "c.yaml", *arguments)
        assert (done.status, done.out) == (0, "1 file checked, no mistakes\n"), done.err
    assert zrun(folder, "c.yaml", "--dry-run").status == 2, "a run needs the rows"


@pytest.mark.parametrize("command", ["check", "plan", "vars"])
def test_with_rows_their_columns_are_names(tmp_path: Path, command: str) -> None:
    folder = write(tmp_path, c=INVITE.replace("<<iteration>>", "<<Email>>&<<seats>>"))
    (folder / "rows.csv").write_text("Email,seats\nada@example.com,3\n", "utf-8")
    done = zrun(folder, command, "c.yaml", "--data", "rows.csv")
    assert done.status == 0, done.err
    (folder / "rows.csv").write_text("Email,sea\nada@example.com,3\n", "utf-8")
    if command != "vars":
        done = zrun(folder, command, "c.yaml", "--data", "rows.csv")
        assert done.status == 2
        assert "`seats` is not known" in done.err


ENVIRONMENT = "variables: {api: https://api.example.com, lead: 1}\nhosts: [api.example.com]\n"
READS = """\
requests:
  a: {get: "<<api>>/one"}
  b: {get: "<<api>>/<<lead>>"}
"""


@pytest.mark.parametrize("command", ["run", "plan"])
def test_an_environment_that_was_forgotten_is_one_mistake(tmp_path: Path, command: str) -> None:
    folder = write(tmp_path, c=READS, us__env=ENVIRONMENT, eu__env=ENVIRONMENT, other__env="variables: {x: 1}\n")
    (folder / "environments" / "us.local.yaml").write_text("variables: {lead: 2}\n", "utf-8")
    done = zrun(folder, command, "c.yaml")
    assert done.status == 2
    assert done.err.startswith(
        "c.yaml:2:15: no environment is given, and this name is one that an environment declares\n"
    )
    assert "= add -e NAME; there is: eu, us\n" in done.err
    assert "not known" not in done.err


def test_what_no_environment_declares_is_told_beside_it(tmp_path: Path) -> None:
    folder = write(tmp_path, c=READS.replace("<<lead>>", "<<leed>>/<<nothing>>"), us__env=ENVIRONMENT)
    done = zrun(folder, "c.yaml")
    assert done.status == 2
    assert "no environment is given" in done.err
    assert "`leed` is not known\n" in done.err
    assert "`nothing` is not known\n" in done.err
    assert "`api` is not known" not in done.err


def test_where_no_environment_would_help_none_is_spoken_of(tmp_path: Path) -> None:
    done = zrun(write(tmp_path, c=READS, us__env="variables: {x: 1}\n"), "c.yaml")
    assert done.status == 2
    assert "environment is given" not in done.err
    assert "`api` is not known" in done.err
    assert "(a secret under `secrets` of an environment)" in done.err, "--var is no place for one"


CENTRES = """\
variables:
  accounts-domain: https://accounts.zoho.%s
  api-domain: https://www.zohoapis.%s
"""
CRM = 'requests:\n  a: {get: "<<api-domain>>/crm/v8/org"}\n'


def test_what_is_no_address_is_of_no_data_centre(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        c=CRM,
        broken__env="variables: {accounts-domain: 'https://[zoho.x', api-domain: 'https://www.zohoapis.eu'}\n",
    )
    done = zrun(folder, "check", "c.yaml", "-e", "broken")
    assert "a bug in zrun" not in done.err
    assert "is of" not in done.err


def test_addresses_of_two_data_centres_are_told_of_before_a_run(tmp_path: Path) -> None:
    folder = write(tmp_path, c=CRM, mixed__env=CENTRES % ("eu", "com"))
    for command in (
        ("check", "c.yaml", "-e", "mixed"),
        ("check", "environments"),
        ("c.yaml", "-e", "mixed", "--dry-run"),
    ):
        done = zrun(folder, *command)
        assert done.status == 0
        assert "environments/mixed.yaml:3:3: warning: `api-domain` is of US, `accounts-domain` of EU" in done.err
        assert "write `api-domain: https://www.zohoapis.eu`" in done.err
        assert "`accounts-domain: https://accounts.zoho.com` (environments/mixed.yaml:2:3)" in done.err
    given = ("--var", "api-domain=https://www.zohoapis.eu")
    assert "is of US" not in zrun(folder, "c.yaml", "-e", "mixed", "--dry-run", *given).err, "another one is in use"


@pytest.mark.parametrize(
    ("accounts", "api"),
    [
        ("https://accounts.zoho.com.au/", "https://www.zohoapis.com.au"),
        ("https://accounts.zohocloud.ca", "https://www.zohoapis.ca"),
        ("https://accounts.zoho.com", "https://sandbox.zohoapis.com"),
        ("https://accounts.zoho.com", "https://api.example.com"),
        ("https://accounts.zoho.eu", "http://127.0.0.1:9"),
    ],
)
def test_addresses_that_may_well_belong_together_are_not(tmp_path: Path, accounts: str, api: str) -> None:
    variables = f"variables: {{accounts-domain: '{accounts}', api-domain: '{api}'}}\n"
    done = zrun(write(tmp_path, c=CRM, us__env=variables), "check", "c.yaml", "-e", "us")
    assert (done.status, done.err) == (0, "")


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_domain_without_its_scheme_is_told_where_it_is_written(tmp_path: Path, command: str) -> None:
    written = "variables:\n  api-domain: www.zohoapis.com\n"
    folder = write(tmp_path, c=CRM + '  b: {get: "<<api-domain>>/b"}\n', us__env=written)
    done = zrun(folder, command, "c.yaml", "-e", "us")
    assert done.status == 2
    assert "environments/us.yaml:2:3: addresses begin with `api-domain`, which does not begin with http" in done.err
    assert "`api-domain: https://...`" in done.err
    assert "c.yaml:" not in done.err, "there is nothing wrong"


def test_an_accounts_domain_without_its_scheme_is_named(tmp_path: Path) -> None:
    written = """\
variables: {accounts-domain: accounts.zoho.com, api-domain: "https://www.zohoapis.com", client-id: made-up}
oauth2: {zoho: {preset: zoho}}
secrets: {client-secret: {env: MADE_UP}, grant-token: {env: MADE_UP}}
"""
    folder = write(tmp_path, c="auth: {oauth2: zoho}\n" + CRM, us__env=written)
    done = zrun(folder, "c.yaml", "-e", "us", MADE_UP="made-up")
    assert done.status == 2
    assert "`accounts-domain` of `zoho` does not begin with http:// or https://" in done.err


BRACES = """\
# {{token}} in a comment
variables: {token: x, plain: "{{token}}"}
requests:
  a:
    description: in words, {{token}}
    get: https://api.example.com/{{token}}/<<token>>?x={{tokn}}
    query: {q: "{{ other }}"}
    headers: {X-A: "Bearer {{token}}", X-B: "<<'{{token}}'>>", X-C: "{{ a b }}"}
  b:
    post: https://api.example.com/
    auth: {bearer: "{{token}}"}
    json: {a: "Hello {{first_name}}", b: ["{{token}}"], c: "{{$guid}}"}
"""


def test_braces_as_others_write_variables_are_told_of_where_they_stand(tmp_path: Path) -> None:
    done = zrun(write(tmp_path, c=BRACES), "check", "c.yaml")
    assert done.status == 0
    told = [line for line in done.err.splitlines() if "warning: " in line]
    assert [line.split(": ")[0].removeprefix("c.yaml:") for line in told] == [
        "2:31",
        "6:34",
        "6:56",
        "7:17",
        "8:28",
        "11:21",
        "12:44",
        "12:61",
    ]
    assert "`{{token}}` is sent as it stands\n" in done.err
    assert "= zrun writes <<token>>\n" in done.err
    assert "= zrun writes <<tokn>>; did you mean `token`?\n" in done.err
    assert "= zrun writes <<$guid>>\n" in done.err
    assert "first_name}}`" not in done.err, "a body may be somebody else's template"
