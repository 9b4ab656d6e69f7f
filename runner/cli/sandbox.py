"""`zrun sandbox`: serve the embedded Zoho until stopped, for a browser, another program, or a test."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from runner import errors
from runner.cli import options
from runner.cli.stopping import listening
from runner.errors import InputError, Problem

_EPILOG = """\
Its page, at the address that it prints, shows the client id and mints grant tokens, as Zoho's API console does.
A collection needs no running sandbox: an environment with `sandbox: zoho` starts one for the run.
"""


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit status."""
    parser = options.Parser("sandbox", "Serve an imitation of Zoho's OAuth and CRM on this machine.", _EPILOG)
    parser.add_argument("--port", type=int, default=8765, help="0: any free one (default: 8765)")
    data = "the file in which its data lasts (default: %(default)s)"
    parser.add_argument("--data", type=Path, default=Path(".zrun/sandbox/zoho.sqlite"), metavar="FILE", help=data)
    parser.add_argument("--clock", metavar="+TIME", help="move its clock ahead (`+56m`)")
    parser.add_argument("--data-center", default="us", help="the data centre that it plays (default: us)")
    chosen = parser.read(arguments)
    if not 0 <= chosen.port < 65536:
        raise InputError(Problem("--port is not a number below 65536", None, "0 takes any free one"))
    ahead = options.read_clock(chosen.clock)
    serving = False
    with listening() as stop:
        try:
            from runner import sandbox  # late: its server loads starlette and uvicorn

            made = sandbox.start(chosen.data, port=chosen.port, clock_offset=ahead, data_center=chosen.data_center)
            with made as running:
                serving = True
                options.out(
                    f"Zoho sandbox at {running.url} (Ctrl-C stops it)\n"
                    f"  accounts-domain  {running.accounts_domain}\n"
                    f"  api-domain       {running.api_domain}\n"
                    f"  client-id        {running.client_id}\n"
                    f"  client secret and grant tokens: on its page"
                )
                while True:
                    time.sleep(3600)
        except KeyboardInterrupt:
            # Ctrl-C is how it is meant to end.
            return errors.PASSED if serving and stop.signal == signal.SIGINT else stop.status(errors.INTERRUPTED)
