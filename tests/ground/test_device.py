"""Which device is chosen, where it is current, and what is said where it is not there."""

import contextlib
import threading

import pytest
import torch
from torch import nn

from mynah.ground import device, processes
from mynah.ground.errors import UsageError
from mynah.ground.randomness import generators, kept, seeded

CPU = torch.device("cpu")


@pytest.fixture
def gpus(monkeypatch):
    """Make torch say that there are so many GPUs of CUDA, or an Apple one."""

    def there(cuda=0, mps=False):
        monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: True)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    there()
    return there


def test_auto_is_the_processor_where_there_is_no_gpu(gpus):
    assert device.choose() == device.choose("cpu") == CPU


def test_auto_takes_a_gpu_that_is_there(gpus):
    gpus(cuda=1)
    assert device.choose() == torch.device("cuda", 0)
    gpus(mps=True)
    assert device.choose() == torch.device("mps")
    assert device.choose("cpu") == CPU


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused_with_what_to_type(gpus, kind):
    with pytest.raises(
        UsageError, match=rf"no {kind} here \(torch .* finds no .*\). Use --device auto, or --device cpu"
    ):
        device.choose(kind)


def test_a_wish_of_another_machine_is_kept_where_it_can_be(gpus):
    gpus(cuda=1)
    assert [device.there_or_auto(wish) for wish in ("cuda", "mps", "cpu", "auto")] == ["cuda", "auto", "cpu", "auto"]


def test_a_torch_without_cuda_says_so(gpus, monkeypatch):
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: False)
    assert "built without CUDA" in device.why_not("cuda")


def test_a_name_that_is_none_is_refused():
    with pytest.raises(UsageError, match=r"'gpu': no such device\. Use auto, cpu, cuda, mps"):
        device.choose("gpu")


def test_each_process_of_a_machine_has_a_gpu_of_its_own(gpus, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    gpus(cuda=2)
    assert device.choose("cuda") == torch.device("cuda", 1)
    gpus(cuda=1, mps=True)
    with pytest.raises(UsageError, match="2 processes for 1 GPUs"):
        device.choose("cuda")
    with pytest.raises(UsageError, match="several processes"):
        device.choose("mps")
    assert device.choose("auto") == CPU


def test_gradients_meet_by_nccl_on_gpus_and_by_gloo_else(monkeypatch):
    chosen = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert processes._backends(CPU) == "gloo"
    assert not chosen
    assert processes._backends(torch.device("cuda", 1)) == "cpu:gloo,cuda:nccl"
    assert chosen == [torch.device("cuda", 1)]


def test_the_current_device_is_the_processor_unless_someone_chose():
    meta = torch.device("meta")
    assert device.current() == CPU
    with device.on_device(meta):
        assert device.current() == meta
        with device.on_device("cpu"):
            assert device.current() == CPU
        assert device.current() == meta
    with contextlib.suppress(ValueError), device.on_device(meta):
        raise ValueError
    assert device.current() == CPU


def test_threads_choose_for_themselves():
    found = []
    with device.on_device(torch.device("meta")):
        thread = threading.Thread(target=lambda: found.append(device.current()))
        thread.start()
        thread.join()
    assert found == [CPU]


def test_apple_cannot_hold_float64():
    net = nn.Linear(2, 2)
    assert device.can_hold(torch.device("mps"), net)
    assert not device.can_hold(torch.device("mps"), net.double())
    assert device.can_hold(torch.device("cuda"), net)


def test_repeatable_changes_nothing_on_the_processor_and_puts_back_what_it_changed():
    for kind in ("cpu", "cuda"):
        before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
        with device.repeatable(torch.device(kind)):
            assert torch.are_deterministic_algorithms_enabled() == (kind == "cuda")
        assert before == (torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark)


def test_generators_are_left_as_they_were():
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    with kept(generators(CPU)):
        torch.rand(7)
    seeded(0, lambda: nn.Linear(2, 2))
    assert torch.equal(torch.rand(2), wanted)
