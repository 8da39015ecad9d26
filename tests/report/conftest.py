"""The page of a made-up run in a real browser, offline."""

import pytest

from browsing import Visit
from mynah.report import build
from results_sample import make_results, make_run


@pytest.fixture(scope="module")
def results():
    return make_results(per_class=12, seconds=1.0)


@pytest.fixture(scope="module")
def address(tmp_path_factory, results):
    run = make_run(tmp_path_factory.mktemp("run"), results, previews=60)
    return build(run).as_uri()


@pytest.fixture
def visit(browser, address):
    visits = []

    def go(to=address, **context):
        visits.append(Visit(browser, to, **context))
        return visits[-1]

    yield go
    for each in visits:
        each.context.close()
