"""`zrun schema`: the JSON Schema of a collection or an environment, for editors and other programs."""

from __future__ import annotations

import json

from runner import errors
from runner.cli import options
from runner.files.schema import schema

_EPILOG = """\
An editor with the YAML language server completes and checks a file whose first line is
  # yaml-language-server: $schema=PATH
where PATH is a file that holds the output of this command.
"""


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit status."""
    parser = options.Parser("schema", "Print the JSON Schema (2020-12) of a kind of file.", _EPILOG)
    parser.add_argument("kind", choices=("collection", "environment"))
    chosen = parser.read(arguments)
    options.out(json.dumps(schema(chosen.kind), indent=2, ensure_ascii=False))
    return errors.PASSED
