"""`zrun schema`: the JSON Schema of a collection, an environment or a report, for editors and other programs."""

from __future__ import annotations

import json

from runner import errors
from runner.cli import options

_EPILOG = """\
An editor with the YAML language server completes and checks a file whose first line is
  # yaml-language-server: $schema=PATH
where PATH is a file that holds the output of this command.
"""


def main(arguments: list[str]) -> int:
    """Run the command. Returns the exit status."""
    parser = options.Parser("schema", "Print the JSON Schema (2020-12) of a kind of file.", _EPILOG)
    parser.add_argument("kind", choices=("collection", "environment", "report"))
    chosen = parser.read(arguments)
    options.out(json.dumps(_schema(chosen.kind), indent=2, ensure_ascii=False))
    return errors.PASSED


def _schema(kind: str) -> dict[str, object]:
    """Each kind's own modules are loaded for it, and no other's."""
    if kind == "report":
        from runner.reporters.documents import codec  # late: see above

        return codec.schema()
    from runner.files.schema import schema  # late: see above

    return schema("collection" if kind == "collection" else "environment")
