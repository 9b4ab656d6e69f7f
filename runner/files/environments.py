"""Environments: found by name, laid over each other, with their bases and private overlays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from os.path import isfile  # False of a name that is too long, where Path raises
from pathlib import Path
from typing import Literal

from runner.collection import Variable
from runner.environment import Environment, ProviderSpec, SecretSource, SecretSpec, Tls
from runner.errors import InputError, Location, Problem, did_you_mean
from runner.files import document, fields, sources
from runner.files.credentials import read_providers
from runner.files.document import Node
from runner.files.forms import Form
from runner.tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runner.pace import Rate

FOLDER = "environments"
SUFFIXES = (".yaml", ".yml")
DEEPEST_BASE = 16


class PartlyRead(InputError):
    """Mistakes in an environment, every file of which could be read: what it declares is in `environment` all the same."""

    def __init__(self, problems: Sequence[Problem], environment: Environment) -> None:
        super().__init__(problems)
        self.environment = environment


@dataclass
class _Layers:
    """What the files say so far, the later over the earlier. `whole` is whether each that is named could be read."""

    whole: bool = True
    name: str = ""
    variables: dict[str, Variable] = field(default_factory=dict)
    overlay: dict[str, Variable] = field(default_factory=dict)
    secrets: dict[str, SecretSpec] = field(default_factory=dict)
    providers: dict[str, ProviderSpec] = field(default_factory=dict)
    commands: list[SecretSource] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    hosts_location: Location | None = None
    tls: Tls = field(default_factory=Tls)
    proxy: Tree = None
    proxy_location: Location | None = None
    state: Literal["file", "keyring"] = "file"
    state_location: Location | None = None
    rate: Rate | None = None
    concurrency: int | None = None
    sandbox: str | None = None
    sandbox_location: Location | None = None
    paths: list[Path] = field(default_factory=list)


def read_environment(names: Sequence[str], beside: Path) -> Environment:
    """The environments `names`, the later over the earlier; `beside` is the folder of the collection.

    Raises InputError with every mistake in them, and for one that is not found; PartlyRead where each file could be read.
    """
    form = Form()
    layers = _Layers()
    found: list[Path] = []
    for name in names:
        try:
            path = find(name, beside)
        except InputError as error:
            form.problems.extend(error.problems)
            layers.whole = False
            continue
        found.append(path)
        _read(path, layers, form, ())
        overlay = path.with_name(f"{path.stem}.local{path.suffix}")
        if overlay.is_file():
            _read(overlay, layers, form, (), private=True)
    if not layers.whole:
        raise InputError(form.problems)
    environment = _environment(names, found, layers, form)
    if form.problems:
        raise PartlyRead(form.problems, environment)
    return environment


def _environment(names: Sequence[str], found: Sequence[Path], layers: _Layers, form: Form) -> Environment:
    folder = found[-1].absolute().parent
    return Environment(
        id="+".join(path.stem for path in found),
        root=folder.parent if folder.name == FOLDER else folder,
        name=layers.name,
        given=tuple(names),
        paths=tuple(layers.paths),
        variables=layers.variables,
        overlay=layers.overlay,
        secrets={**_token_secrets(layers), **layers.secrets},
        providers={name: replace(spec, given=tuple(names)) for name, spec in layers.providers.items()},
        commands=tuple(layers.commands),
        hosts=tuple(dict.fromkeys(layers.hosts)),
        hosts_location=layers.hosts_location,
        tls=layers.tls,
        proxy=layers.proxy,
        proxy_location=layers.proxy_location,
        state=layers.state,
        state_location=layers.state_location,
        rate=layers.rate,
        concurrency=layers.concurrency,
        sandbox=layers.sandbox,
        sandbox_location=layers.sandbox_location,
        warnings=tuple(form.warnings),
    )


def find(name: str, beside: Path) -> Path:
    """The file of `-e name`: a path, or a name, `.yaml` left out or not, looked for in `environments/` beside or above the
    collection, then here.

    Raises InputError when there is none; and when the collection brings one of its own along, of a name that means
    another file here: it would decide where the user's secrets may go.
    """
    whole = name.endswith(SUFFIXES)
    if "/" in name or (whole and isfile(name)):  # noqa: PTH113
        if isfile(name):  # noqa: PTH113
            return Path(name)
        raise InputError(Problem(f"there is no environment file {name}", None, "check the path"))
    folders = [folder / FOLDER for folder in (beside.absolute(), *beside.absolute().parents, Path.cwd())]
    suffixes = ("",) if whole else SUFFIXES
    found = [path for folder in folders for suffix in suffixes if isfile(path := folder / f"{name}{suffix}")]  # noqa: PTH113
    here = next((path for path in found if path.parent == folders[-1]), None)
    if here is not None and not here.samefile(found[0]):
        message = f"the environment `{name}` could be {_short(found[0])} or {_short(here)}"
        raise InputError(Problem(message, None, f"say which one you trust with your secrets: -e {_short(here)}"))
    if found:
        return _short(found[0])
    known = sorted({path.stem for folder in folders for path in _files(folder) if not path.stem.endswith(".local")})
    stem = Path(name).stem if whole else name
    hint = did_you_mean(stem, known, f"there is: {', '.join(known)}" if known else f"make {FOLDER}/{stem}.yaml")
    raise InputError(Problem(f"there is no environment `{name}`", None, hint))


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if path.suffix in SUFFIXES)


def _short(path: Path) -> Path:
    """Relative to the working directory where it is below: as a person would write it."""
    try:
        return path.relative_to(Path.cwd())
    except (ValueError, OSError):
        return path


def _read(path: Path, layers: _Layers, form: Form, open_files: tuple[Path, ...], *, private: bool = False) -> None:
    """Lay one file, and first its bases, over `layers`."""
    try:
        raw = document.content(path)
        root = document.parse_bytes(raw, path)
    except InputError as error:
        form.problems.extend(error.problems)
        layers.whole = False
        return
    found = form.fields(root, fields.ENVIRONMENT, "an environment")
    if "base" in found:
        for name, place in form.names(found["base"], "`base`"):
            base = path.parent / name
            layers.whole = layers.whole and base.is_file()
            if base.resolve() in (*open_files, path.resolve()) or len(open_files) > DEEPEST_BASE:
                form.wrong(place, f"`{name}` inherits from itself", "take one `base` away")
            elif not base.is_file():
                form.wrong(place, f"there is no file `{name}`", f"it is looked for in {document.shown(path.parent)}")
            else:
                _read(base, layers, form, (*open_files, path.resolve()), private=private)
    layers.paths.append(path)
    if "name" in found:
        layers.name = form.plain(found["name"], "`name`")
    variables = form.variables(found.get("variables"))
    if private:
        layers.overlay.update(variables)
    else:
        layers.variables.update(variables)
    if "hosts" in found:
        layers.hosts.extend(_hosts(found["hosts"], form))
        layers.hosts_location = found["hosts"].location
    _read_secrets(found.get("secrets"), sources.File(path, raw, private), layers, form)
    layers.providers.update((provider.name, provider) for provider in read_providers(found.get("oauth2"), form))
    if "tls" in found:
        layers.tls = _tls(found["tls"], path.parent, form)
    if "proxy" in found:
        layers.proxy, layers.proxy_location = form.text(found["proxy"], "`proxy`"), found["proxy"].location
    if "state" in found:
        layers.state, layers.state_location = _state(found["state"], form), found["state"].location
    if "rate" in found:
        layers.rate = _rate(found["rate"], form)
    if "concurrency" in found:
        layers.concurrency = form.whole(found["concurrency"], "`concurrency`", 1, 1, 256)
    if "sandbox" in found:
        layers.sandbox, layers.sandbox_location = _sandbox(found["sandbox"], form), found["sandbox"].location


def _hosts(node: Node, form: Form) -> Iterator[str]:
    for name, place in form.names(node, "`hosts`"):
        host = name.removeprefix("*.")
        if not host or "*" in host or "/" in host or "@" in host or any(c.isspace() for c in host):
            form.wrong(place, "this is not a host", 'write api.example.com, "*.example.com" or localhost:8080')
        elif "." not in host and name != host:
            form.wrong(place, "this stands for every host of a top-level domain", "name the domain: *.example.com")
        else:
            yield name


def _state(node: Node, form: Form) -> Literal["file", "keyring"]:
    if node.value == "keyring":
        return "keyring"
    if node.value != "file":
        hint = did_you_mean(str(node.value), ("file", "keyring"), "write `state: file` or `state: keyring`")
        form.wrong(node, "captured secrets are kept in a file or in the keyring", hint)
    return "file"


def _rate(node: Node, form: Form) -> Rate | None:
    from runner.pace import read_rate  # late: few environments have a bound

    found = read_rate(node.value) if isinstance(node.value, str) else None
    if found is None:
        form.wrong(node, "this is not a number of requests in a time", "write it as 10/s or 100/m")
    return found


def _sandbox(node: Node, form: Form) -> str | None:
    if node.value == "zoho":
        return "zoho"
    form.wrong(node, "there is one sandbox: zoho", did_you_mean(str(node.value), ("zoho",), "write `sandbox: zoho`"))
    return None


def _tls(node: Node, folder: Path, form: Form) -> Tls:
    found = form.fields(node, fields.TLS, "`tls`")

    def path(key: str) -> Path | None:
        return folder / form.plain(found[key], f"`{key}`") if key in found else None

    if "client-key" in found and "client-cert" not in found:
        form.wrong(found["client-key"], "a key without its certificate", "add `client-cert:`")
    verify = form.flag(found["verify"], "`verify`", True) if "verify" in found else True
    return Tls(verify, path("ca"), path("client-cert"), path("client-key"), node.location)


def _read_secrets(node: Node | None, file: sources.File, layers: _Layers, form: Form) -> None:
    """Lay what one file says of secrets over `layers`: sources replace sources, nothing replaces nothing."""
    for key, spec in sources.read(node, file, form):
        if key.key in layers.variables or key.key in layers.overlay:
            form.wrong(key, f"`{key.key}` is declared under `variables` too", "declare it once: under `secrets`")
        layers.commands.extend(source for source in spec.sources if source.kind == "command")
        if spec.sources or key.key not in layers.secrets:
            layers.secrets[key.key] = spec


def _token_secrets(layers: _Layers) -> dict[str, SecretSpec]:
    """A provider's tokens are secrets that nobody needs to declare."""
    names = {name: provider.location for provider in layers.providers.values() for name in provider.tokens.all()}
    return {name: SecretSpec(name, place) for name, place in names.items() if name not in layers.variables}
