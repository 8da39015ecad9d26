"""Imports point down only (docs: the house), and light modules stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "mynah"
#: What each room may import of Mynah; every room may import errors, progress, temperature, and itself.
MAY = {
    "audio": set(),
    "texts": set(),
    "stores": set(),
    "sounds": {"audio", "stores"},
    "catalog": set(),
    "claims": {"catalog"},
    "reading": {"catalog", "claims"},
    "problems": {"datasets", "layers", "music", "next_frame", "representations", "sequence", "training"},
    "verification": {"catalog", "claims", "problems"},
    "training": {"stores"},
    "representations": set(),
    "layers": {"kernels", "training"},
    "kernels": set(),
    "model": {"audio", "layers", "representations", "training"},
    "modelfile": {"catalog", "model", "representations", "training"},
    "music": set(),
    "composer": {"layers", "model", "music", "representations", "sequence", "training"},
    "transcriber": {"layers", "model", "representations", "texts", "training"},
    "generator": {"model", "representations", "training"},
    "next_frame": {"layers", "representations", "sequence", "training"},
    "spectral": {"generator", "next_frame", "representations", "sequence", "training"},
    "symbol_generator": {"generator", "kernels", "layers", "representations", "training"},
    "tuning": set(),
    "sequence": {"layers", "model", "representations", "training"},
    "models": {
        "composer",
        "kernels",
        "layers",
        "music",
        "representations",
        "texts",
        "training",
        "model",
        "sequence",
        "transcriber",
        "generator",
        "next_frame",
        "spectral",
        "symbol_generator",
        "tuning",
        "problems",
    },
    "datasets": {"audio", "music", "training"},
    "tasks": {"sounds", "audio", "generator", "model", "representations", "texts", "training", "transcriber"},
    "trials": {
        "tasks",
        "sounds",
        "audio",
        "catalog",
        "composer",
        "datasets",
        "layers",
        "model",
        "modelfile",
        "music",
        "representations",
        "stores",
        "texts",
        "training",
        "report",
    },
    "report": {"texts"},
    "testing_generators": {"generator", "model", "modelfile", "testing"},
    "testing": {
        "layers",
        "model",
        "modelfile",
        "representations",
        "sequence",
        "texts",
        "training",
        "transcriber",
    },
}
SHARED = {"allocator", "errors", "progress", "temperature", "__init__"}


def rooms(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
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
    wrong = {found for found in rooms(path) if (SRC / found).exists() or (SRC / f"{found}.py").exists()} - allowed
    assert not wrong, f"{path.name} of {room} imports {wrong}"


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
    "name", ["audio", "stores", "sounds", "catalog", "reading", "errors", "report", "kernels", "cli.app"]
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
