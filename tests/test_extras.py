"""Every extra of pyproject.toml is there because code imports it."""

import re
import tomllib
from pathlib import Path

import pytest

from mynah.cli.doctor import DEVELOPMENT

ROOT = Path(__file__).parents[1]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
#: Where each kind of extra must be imported; programs (ruff, pytest ...) are not imported by anyone.
CODE = {"bench": ("benchmarks",)}


def test_development_extras_are_extras():
    assert set(EXTRAS) >= DEVELOPMENT


@pytest.mark.parametrize("extra", sorted(set(EXTRAS) - {"test", "dev"}))
def test_an_extra_is_imported(extra):
    folders = CODE.get(extra, ("src",))
    source = "\n".join(
        path.read_text(encoding="utf-8") for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))
    )
    for line in EXTRAS[extra]:
        module = re.match(r"[\w-]+", line)[0].replace("-", "_")
        assert re.search(rf"^\s*(import|from) ([\w.]+\.)?{module}\b", source, re.MULTILINE), f"none imports {module}"
