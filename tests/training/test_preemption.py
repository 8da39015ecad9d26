"""Being told to stop: signals, and spot notices from a metadata service of our own."""

import http.server
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from mynah import modelfile
from mynah.cli.app import run as mynah
from mynah.data.builtin import builtin
from mynah.ground.errors import Stopped
from mynah.training import noticed, spot_watched
from mynah.training.preemption import POLL_SECONDS, Interrupted, is_reclaimed

TOKEN = "a-token"
ACTION = "/latest/meta-data/spot/instance-action"


class Metadata(http.server.BaseHTTPRequestHandler):
    """EC2's service: version 2 wants a token; no notice is 404. `server.mode` makes it another one."""

    def do_PUT(self):
        mode, wanted = self.server.mode, "X-aws-ec2-metadata-token-ttl-seconds"
        is_known = self.path == "/latest/api/token" and self.headers.get(wanted) and mode != "version 1"
        self.answer(200 if is_known else 404, TOKEN)

    def do_GET(self):
        self.server.asked += 1
        if self.server.mode == "slow":
            time.sleep(3)
            return
        if self.server.mode == "garbage":
            self.wfile.write(b"\x00\xffnot http at all\n\n")
            return
        if self.server.mode != "version 1" and self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
            self.answer(401, "")
            return
        is_notice = self.path == ACTION and self.server.reclaimed
        self.answer(200 if is_notice else 404, '{"action": "terminate", "time": "2026-01-01T00:00:00Z"}')

    def answer(self, code, text):
        self.send_response(code)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def metadata():
    """A server with `reclaimed` (False at first), `mode` and `asked`, and its address in `url`."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
    server.daemon_threads = True
    server.reclaimed, server.mode, server.asked = False, "version 2", 0
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_notice_is_read(metadata):
    assert not is_reclaimed(metadata.url)
    metadata.reclaimed = True
    assert is_reclaimed(metadata.url)


@pytest.mark.parametrize("mode", ["garbage", "slow"])
def test_what_is_no_metadata_service_gives_no_notice(metadata, mode):
    metadata.reclaimed, metadata.mode = True, mode
    began = time.monotonic()
    assert not is_reclaimed(metadata.url)
    assert metadata.asked == 1
    assert time.monotonic() - began < 4.5


def test_the_first_version_of_the_service_is_asked_without_a_token(metadata):
    metadata.mode = "version 1"
    assert not is_reclaimed(metadata.url)
    metadata.reclaimed = True
    assert is_reclaimed(metadata.url)


def test_nobody_there_gives_no_notice(metadata):
    metadata.shutdown()
    metadata.server_close()
    assert not is_reclaimed(metadata.url)


def test_a_notice_becomes_a_signal(metadata, monkeypatch):
    monkeypatch.setenv("MYNAH_METADATA", metadata.url)
    with noticed() as notice, spot_watched(every=0.05):
        until = time.monotonic() + 10
        while metadata.asked < 2:
            assert time.monotonic() < until
            time.sleep(0.01)
        notice.obey()
        metadata.reclaimed = True
        while notice.error is None:
            assert time.monotonic() < until
            time.sleep(0.01)
    with pytest.raises(Stopped, match="SIGTERM"):
        notice.obey()


def test_outside_of_ec2_nobody_is_asked(monkeypatch):
    monkeypatch.delenv("MYNAH_METADATA", raising=False)
    monkeypatch.setattr("mynah.training.preemption._is_ec2", lambda: False)
    before = threading.active_count()
    with spot_watched():
        assert threading.active_count() == before


# --- signals


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_sets_the_flag_and_the_handlers_come_back(number, code):
    before = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)]
    with noticed() as notice:
        notice.obey()
        os.kill(os.getpid(), number)
        with pytest.raises(Stopped) as error:
            notice.obey()
        assert error.value.exit_code == code
    assert [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)] == before


def test_the_first_reason_stays_and_a_second_ctrl_c_stops_at_once():
    with noticed() as notice:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)  # schedulers repeat it: only a person who presses Ctrl-C is in a hurry
        with pytest.raises(Stopped, match="SIGTERM"):
            os.kill(os.getpid(), signal.SIGINT)
    with noticed() as notice:
        os.kill(os.getpid(), signal.SIGINT)
        assert isinstance(notice.error, Interrupted)
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGINT)


def test_in_another_thread_nothing_is_touched():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work():
        with noticed() as notice:
            seen.append((signal.getsignal(signal.SIGTERM), notice.error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(before, None)]


# --- a whole `mynah learn`


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    return builtin(tmp_path_factory.mktemp("data") / "sounds", clips_per_class=6, rate=8000)


#: `mynah` that looks ten times a second, so that a short run is long enough.
IMPATIENT = (
    "from mynah.training import preemption\n"
    "preemption.spot_watched.__wrapped__.__kwdefaults__['every'] = 0.1\n"
    "from mynah.cli import main\nmain()"
)


def options(sounds, folder, executor):
    how = ["--families", "chance,lstm", "--folds", "2", "--budget", "100steps", "--executor", executor]
    return ["learn", str(sounds), "--out", str(folder), "--quiet", *how]


@pytest.fixture(scope="module")
def whole(sounds, tmp_path_factory):
    """A run that nobody disturbs."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    assert mynah(options(sounds, folder, "sequential")) == 0
    return folder


@pytest.mark.parametrize("executor", ["processes", pytest.param("sequential", marks=pytest.mark.slow)])
def test_a_notice_in_the_middle_of_training(sounds, whole, metadata, tmp_path, executor):
    """It is saved, ends, tells how to go on, and goes on to the same bits; how soon is printed (see it with -s)."""
    process = subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, *options(sounds, tmp_path / "run", executor)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=os.environ | {"MYNAH_METADATA": metadata.url},
    )  # fmt: skip
    until = time.monotonic() + 120
    while not any(path.stat().st_size for path in tmp_path.glob("run/trials/*/events.jsonl")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < until
        time.sleep(0.02)
    metadata.reclaimed, told = True, time.monotonic()
    _, said = process.communicate()
    took = time.monotonic() - told
    assert process.returncode == 75, said
    assert list(tmp_path.glob("run/trials/*/checkpoints/manifests/*.json")), said
    line = re.search(r"to go on: (mynah .*)", said)
    assert line, said
    print(f"\n{executor}: ended {took:.1f} s after the notice was there; it is looked for every {POLL_SECONDS:.0f} s")
    assert mynah([*shlex.split(line[1])[1:], "--quiet"]) == 0
    a, b = (modelfile.load(run / "best.mynah").tensors() for run in (tmp_path / "run", whole))
    assert all(np.array_equal(a[name], b[name]) for name in a | b)
