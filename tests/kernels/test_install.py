"""Whether the package installs and works with and without what is compiled."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mynah import kernels

ROOT = Path(__file__).parents[2]
#: Run without `site`, so that an installation of the same name does not come first.
ASK = """
import sys
sys.path[:0] = ['{there}', '{packages}']
from mynah import kernels
assert kernels.__file__.startswith('{there}'), kernels.__file__
print(kernels.state())
"""


def test_the_state_is_said_in_words(monkeypatch, kernel):
    assert kernels.state().split(",")[0] in ("x86-64-v4", "x86-64-v3", "default")
    monkeypatch.setattr(kernels, "native", None)
    assert "torch does their work" in kernels.state()


def test_the_package_works_where_nothing_is_compiled():
    program = (
        "import sys; sys.modules['mynah.kernels._native'] = None\n"
        "sys.argv = ['mynah', 'doctor', '--json']\n"
        "from mynah.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["kernels"].startswith("not built")


def test_widths_are_padded():
    assert kernels.padded(np.ones((3, 17)), 0, 1).shape == (16, 32)
    assert kernels.padded(np.ones((16, 17)), 0).shape == (16, 17)
    gates = kernels.by_gates(np.arange(12.0).reshape(2, 6), 3, axis=1)
    assert gates.shape == (2, 48)
    assert gates[1, [0, 1, 16, 17, 32, 33]].tolist() == [6, 7, 8, 9, 10, 11]
    assert gates.sum() == 66


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["none", "there"])
def test_a_wheel_is_made_with_and_without_a_compiler(tmp_path, compiler):
    environment = {**os.environ, **({"CXX": "/nonexistent/compiler"} if compiler == "none" else {})}
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    compiled = [name for name in names if name.startswith("mynah/kernels/_native")]
    assert len(compiled) == (1 if compiler == "there" else 0)
    assert "mynah/kernels/__init__.py" in names
    assert not [name for name in names if name.endswith((".cpp", ".h"))]
    zipfile.ZipFile(wheel).extractall(tmp_path / "there")
    done = subprocess.run(
        [sys.executable, "-S", "-c", ASK.format(there=tmp_path / "there", packages=Path(np.__file__).parents[1])],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("not built" if compiler == "none" else ("x86-64", "default"))
