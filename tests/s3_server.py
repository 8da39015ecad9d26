"""An S3 server on loopback, by moto, for the tests of several rooms."""

import os
import urllib.request
from contextlib import contextmanager

import pytest
from joblib.externals.loky import get_reusable_executor


@contextmanager
def s3(monkeypatch, bucket):
    """Serve an empty bucket, and point the environment at it."""
    pytest.importorskip("obstore", reason="needs obstore: pip install 'mynah[cloud]'")
    server_module = pytest.importorskip("moto.server", reason="needs moto: pip install 'moto[server]'")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    facts = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }
    get_reusable_executor().shutdown()  # idle workers of another test know another environment
    try:
        for name in [name for name in os.environ if name.upper().endswith("_PROXY") or name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in facts.items():
            monkeypatch.setenv(name, value)
        urllib.request.urlopen(urllib.request.Request(f"{facts['AWS_ENDPOINT_URL']}/{bucket}", method="PUT")).close()
        yield f"s3://{bucket}"
    finally:
        get_reusable_executor().shutdown()
        server.stop()
