"""Trials on cluster engines: two nodes of Ray, one of which is lost on the way."""

import pytest

from mynah.data.builtin import builtin
from mynah.ground.errors import Stopped
from mynah.runs.learn import learn

OPTIONS = {"families": ["knn", "mlp"], "budget": "200steps"}


@pytest.mark.slow
def test_a_ray_cluster_finishes_though_a_node_is_lost(tmp_path):
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    sounds = builtin(tmp_path / "sounds", clips_per_class=6, rate=8000)
    straight = learn(sounds, out=tmp_path / "straight", executor="sequential", **OPTIONS)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        second = cluster.add_node(num_cpus=1)
        lost = []

        def progress(stage, done, total, note=""):
            if stage == "train" and done == 6 and not lost:
                cluster.remove_node(second, allow_graceful=False)
                lost.append(second)

        options = {"executor": "ray", "address": cluster.address, "workers": 2, "progress": progress}
        run = learn(sounds, out=tmp_path / "run", **options, **OPTIONS)
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert lost
    assert {r["name"]: r["details"] for r in run.board} == {r["name"]: r["details"] for r in straight.board}


@pytest.mark.slow
def test_an_address_without_a_dask_cluster_is_one_line(tmp_path):
    """Of Ray this is not asked: it tries for minutes."""
    pytest.importorskip("distributed")
    sounds = builtin(tmp_path / "sounds", clips_per_class=6, rate=8000)
    with pytest.raises(Stopped, match="no Dask cluster can be reached"):
        learn(sounds, out=tmp_path / "run", executor="dask", address="127.0.0.1:9", **OPTIONS)
