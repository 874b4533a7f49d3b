"""The import rules of the house: mrnet ← methods ← harness, one door to the network, a CLI free of torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("mrnet", "methods", "harness")
MRNET_MAY_IMPORT = {"mrnet", "torch", "torchvision", "numpy", "safetensors"} | set(sys.stdlib_module_names)
NETWORK_MODULES = {"urllib.request", "requests", "httpx", "http.client", "socket", "ftplib"}
HEAVY = ("torch", "torchvision", "pandas", "matplotlib", "lpips", "torch_fidelity", "skimage")


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def sources(package):
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    return files


def test_mrnet_stands_alone():
    for path in sources("mrnet"):
        foreign = {name for name in imports(path) if name.split(".")[0] not in MRNET_MAY_IMPORT}
        assert not foreign, f"{path}: {foreign}"


def test_methods_never_import_the_harness():
    for path in sources("methods"):
        assert not [name for name in imports(path) if name.split(".")[0] == "harness"], path


def test_only_the_registry_imports_concrete_methods():
    names = (
        "mrnet",
        "pg2",
        "pn_gan",
        "dvg",
        "patn",
        "guided_pix2pix",
        "posewarp",
        "bodyroi7",
        "deepfill",
        "telea",
        "command",
    )
    concrete = {f"methods.{name}" for name in names}
    for package in OURS:
        for path in sources(package):
            assert not concrete & set(imports(path)), path


def test_fetch_is_the_only_door_to_the_network_and_the_studys_server_the_only_one_from_it():
    doors = (ROOT / "harness" / "fetch.py", ROOT / "harness" / "study" / "serve.py")
    for package in OURS:
        for path in sources(package):
            if path not in doors:
                assert not NETWORK_MODULES & set(imports(path)), path


def test_modules_form_no_cycle():
    graph = {}
    for package in OURS:
        for path in sources(package):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            graph[name] = path
    edges = {
        name: {found for found in imports(path) if found in graph and found != name} for name, path in graph.items()
    }
    done, active = set(), []

    def visit(name):
        assert name not in active, " → ".join([*active[active.index(name) :], name])
        if name not in done:
            active.append(name)
            for other in sorted(edges[name]):
                visit(other)
            active.pop()
            done.add(name)

    for name in sorted(edges):
        visit(name)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["list", "methods"],
        ["list", "datasets"],
        ["list", "protocols"],
        ["protocols", "show", "std-v1"],
        ["rescore", "--help"],
        ["diff", "--help"],
        ["weights", "list"],
        ["report", "--help"],
        ["import", "--help"],
    ],
)
def test_looking_things_up_imports_nothing_heavy(arguments):
    script = (
        "import sys\n"
        "from harness.cli import main\n"
        f"sys.argv = ['bench', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
