"""HTTP/2, over TLS, where its extra is installed: a server that speaks nothing else."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import trustme

from runner.environment import Tls
from runner.exchange import Call
from runner.transport import Transport


def _serve(connection: ssl.SSLSocket) -> None:
    """Answer each request with its own body, until the other side goes."""
    state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    state.initiate_connection()
    connection.sendall(state.data_to_send())
    bodies: dict[int, bytes] = {}
    with suppress(OSError), connection:
        while data := connection.recv(65536):
            for event in state.receive_data(data):
                stream = getattr(event, "stream_id", 0) or 0
                if isinstance(event, h2.events.DataReceived):
                    bodies[stream] = bodies.get(stream, b"") + (event.data or b"")
                    state.acknowledge_received_data(event.flow_controlled_length or 0, stream)
                elif isinstance(event, h2.events.StreamEnded):
                    state.send_headers(stream, [(":status", "200"), ("x-streams", str(stream))])
                    state.send_data(stream, bodies.get(stream, b"none"), end_stream=True)
            connection.sendall(state.data_to_send())


@contextmanager
def http2_server(authority: trustme.CA) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    context.set_alpn_protocols(["h2"])
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with suppress(OSError):
            while True:
                raw, _ = listener.accept()
                _serve(context.wrap_socket(raw, server_side=True))

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"https://localhost:{listener.getsockname()[1]}/"
    finally:
        listener.close()


def test_requests_share_one_connection(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with http2_server(authority) as url, Transport(tls=Tls(ca=tmp_path / "ca.pem")) as transport:
        first = transport.send(Call("POST", url, (("Content-Type", "text/plain"),), b"body"))
        second = transport.send(Call("GET", url))
    assert (first.status, first.http_version, first.bytes) == (200, "2", b"body")
    assert (second.bytes, second.header("x-streams")) == (b"none", ["3"])
    assert first.certificate is not None
    assert second.certificate is not None
    assert second.certificate.der == first.certificate.der
