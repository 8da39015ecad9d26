"""Imports point down only (docs: the house), and light modules stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "mynah"
#: What each room may import of Mynah: its floor, and all floors below.
MAY = {
    "ground": set(),
    "audio": {"ground"},
    "stores": {"ground"},
    "kernels": {"ground"},
    "music": {"ground", "audio"},
    "representations": {"ground"},
    "layers": {"ground", "kernels"},
    "training": {"ground", "stores"},
    "contracts": {"ground", "audio", "kernels", "layers", "music", "representations", "training"},
    "models": {"ground", "kernels", "layers", "music", "representations", "training", "contracts"},
    "catalog": {"ground"},
    "modelfile": {"ground", "catalog", "contracts", "representations", "training"},
    "data": {"ground", "audio", "stores", "music"},
    "judging": {"ground", "representations"},
    "tasks": {"ground", "audio", "music", "contracts", "representations", "training", "data", "judging"},
    "papers": {"ground", "catalog", "contracts", "layers", "music", "representations", "training", "data"},
    "runs": {
        "ground",
        "audio",
        "catalog",
        "contracts",
        "data",
        "judging",
        "layers",
        "modelfile",
        "music",
        "representations",
        "stores",
        "tasks",
        "training",
        "report",
    },
    "using": {
        "ground",
        "audio",
        "catalog",
        "contracts",
        "data",
        "modelfile",
        "representations",
        "tasks",
        "training",
    },
    "report": {"ground", "judging"},
    "testing": {"ground", "contracts", "layers", "modelfile", "music", "representations", "training"},
}
#: What may be imported inside functions besides: the problems of `reproduce`, which using a model must not load.
LATE = {"models": {"papers"}}
SHARED = {"__init__"}
#: Modules that lie directly in src/mynah.
MOST_LOOSE = 8


def test_few_modules_lie_in_no_room():
    assert len(list(SRC.glob("*.py"))) <= MOST_LOOSE


def at_module_level(tree):
    """Yield what runs when a module is imported, leaving out bodies of functions and what only type checkers see."""
    for node in tree.body:
        if isinstance(node, ast.If | ast.Try | ast.With | ast.ClassDef):
            if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
                yield from at_module_level(node)
        else:
            yield node


def rooms(nodes):
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "mynah":
            parts = node.module.split(".")
            yield from [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("mynah."))


@pytest.mark.parametrize("path", sorted(SRC.rglob("*.py")), ids=lambda path: str(path.relative_to(SRC)))
def test_imports_point_down(path):
    room = path.relative_to(SRC).parts[0].removesuffix(".py")
    if room in ("cli", "__init__", "__main__"):
        return
    allowed = MAY.get(room, set()) | SHARED | {room}
    if room == "models":
        allowed.discard("models")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for nodes, may in ((at_module_level(tree), allowed), (ast.walk(tree), allowed | LATE.get(room, set()))):
        wrong = {found for found in rooms(nodes) if (SRC / found).exists() or (SRC / f"{found}.py").exists()} - may
        assert not wrong, f"{path.name} of {room} imports {wrong}"


def test_models_and_batteries_load_no_experiments():
    names = [f"mynah.models.{path.stem}" for path in (SRC / "models").glob("*.py") if path.stem != "__init__"]
    shown = "[name for name in sys.modules if name.startswith('mynah.papers')]"
    program = f"import sys, mynah.testing, {', '.join(names)}; print({shown})"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[]"


#: Most lines of a function and methods of a class.
MOST_LINES, MOST_METHODS = 60, 20


def sizes(path):
    """Yield the name of each function and class of a file, its size, and the most it should have."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name = f"{path.relative_to(SRC)} {getattr(node, 'name', '')}"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield name, node.end_lineno - node.lineno + 1, MOST_LINES
        elif isinstance(node, ast.ClassDef):
            yield name, sum(isinstance(part, ast.FunctionDef) for part in node.body), MOST_METHODS


def test_functions_fit_a_screen_and_classes_a_head():
    found = {name: size for path in SRC.rglob("*.py") for name, size, most in sizes(path) if size > most}
    assert not found, f"split these: {found}"


HEAVY = ["numpy", "torch", "sklearn", "scipy", "soundfile", "pandas", "matplotlib"]


def modules_after(code):
    program = f"{code}\nimport sys; print(' '.join(m for m in {HEAVY!r} if m in sys.modules))"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )


def test_import_and_help_load_nothing_heavy():
    assert modules_after("import mynah")[0] == ""
    code = (
        "import sys; sys.argv = ['mynah', '--help']\nfrom mynah.cli import main\ntry: main()\nexcept SystemExit: pass"
    )
    assert modules_after(code)[-2] == ""


@pytest.mark.parametrize(
    "name", ["audio", "stores", "data", "catalog", "papers.reading", "ground.errors", "report", "kernels", "cli.app"]
)
def test_imports_without_torch(name):
    assert "torch" not in modules_after(f"import mynah.{name}")[-2].split()


def test_public_names_are_there():
    import mynah

    for name in mynah.__all__:
        assert getattr(mynah, name).__module__.startswith("mynah")
    assert set(mynah.__all__) <= set(dir(mynah))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = mynah.nonsense
