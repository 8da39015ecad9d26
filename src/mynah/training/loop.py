"""The one training loop: state(n + 1) = step(state(n), batch(seed, n)).

It knows no model, no task and no audio. It yields an `Event` at every validation; the caller prints, draws or
stops. `Fit.state` and `Fit.restore` are everything a resumed fit needs: since batch and dropout are keyed by the
step number, a fit restored at step n continues with the same bits.

A fit may run on a GPU (`mynah.ground.device`): network, optimizer, average and batches are there, all that is kept of
it is on the processor. So it can be restored on another device; the same bits come of the same kind of device only.
"""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from mynah.ground.device import can_hold, current, repeatable
from mynah.ground.errors import MynahError, Stopped, UsageError
from mynah.ground.processes import rows, world
from mynah.ground.randomness import generators, kept, key
from mynah.training.batches import Batch, Batches
from mynah.training.budget import Budget
from mynah.training.settings import Training

#: Steps timed to turn seconds into steps; they lie inside the warm-up, where the plan does not matter yet.
PROBE_STEPS = 15
#: Validations in a fit, at equal distance.
VALIDATIONS = 20
#: Share of a time budget that is planned; the rest absorbs a machine that slows down.
PLANNED_SHARE = 0.87


class Diverged(MynahError):
    """The loss stopped being a number."""


class Keeper:
    """What watches a fit from outside: may restore it, save it now and then, or end it. This one does nothing."""

    def begin(self, fit: Fit) -> None:
        """Restore the fit before its first step, if there is something to go on from."""

    def look(self, fit: Fit) -> None:
        """See the fit between two steps; may save it."""

    def must_stop(self) -> Stopped | None:
        """Say between two steps whether the fit must end now, and why."""
        return None

    def poll(self) -> None:
        """Be asked inside long stretches without a step; may raise `Stopped`."""

    def leave(self, fit: Fit) -> None:
        """Save the fit that `Stopped` ends."""


@dataclass(frozen=True)
class Event:
    """Where a fit stands: `train_loss` is the mean since the last event, validation figures may be None."""

    step: int
    steps: int
    seconds: float
    train_loss: float
    valid_loss: float | None
    valid_score: float | None


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread inside: small models are 5-50 times slower on two busy ones."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Fit:
    """One fit of `net`, resumable at any step.

    Args:
        net: trained in place; holds the kept weights when the fit has ended, and is on the processor again then.
        loss: (net, batch) to scalar, a mean over the whole batch of which the rows given may be a part.
        batches: batch by step number.
        settings: see `Training`.
        seed: key of the dropout draws.
        validate: (net, poll) to (loss, its standard error, score) on held-out examples; None trains to the end and
            keeps the last weights. Else the last weights are kept whose loss is within one standard error of the
            lowest (Breiman et al. 1984): a small validation set must not choose among equals.
        keeper: see `Keeper`.

    Attributes:
        device: where it trains: `mynah.ground.device.current`, or the processor for a net that this cannot hold.
    """

    def __init__(
        self,
        net: nn.Module,
        loss: Callable[[Any, Batch], Tensor],
        batches: Batches,
        settings: Training,
        *,
        seed: int,
        validate: Callable[[nn.Module, Callable[[], None]], tuple[float, float, float]] | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        self.net, self.loss, self.batches, self.settings = net, loss, batches, settings
        self.seed, self.validate, self.keeper = seed, validate, keeper or Keeper()
        if settings.schedule not in ("cosine", "constant"):
            raise UsageError("no such schedule", where=repr(settings.schedule), remedy="Use cosine or constant.")
        self.budget = Budget.parse(settings.budget)
        self.device = current() if can_hold(current(), net) else torch.device("cpu")
        self.is_reduced = _is_reduced(settings.precision, self.device)
        self._generators = generators(self.device)
        net.to(self.device)  # before the optimizer is told of the weights
        self.optimizer = _optimizer(net, settings)
        self.world = world()
        self.objective: nn.Module = _Objective(net, loss)
        if self.world.size > 1:
            self.objective = nn.parallel.DistributedDataParallel(self.objective)
        self.average = {k: v.detach().clone() for k, v in net.state_dict().items()}
        self._pairs: tuple[list[Tensor], list[Tensor], list[tuple[Tensor, Tensor]]] | None = None
        self._parameters = list(net.parameters())
        self.step = self.validated = 0
        self.steps = _known_steps(self.budget, batches)
        self.seconds = 0.0
        self.best: dict[str, Any] = {"loss": math.inf, "error": 0.0, "step": 0, "weights": None}
        self.waited = 0
        self.history: list[dict[str, Any]] = []
        self.ended = ""
        self._losses: list[float] = []
        self._stops = self._late = 0.0
        self._clock = _Clock(0.0)

    def state(self) -> dict[str, Any]:
        """Return everything that decides the rest of the fit, as plain values and tensors on the processor."""
        return {
            "net": _copied(self.net.state_dict()),
            "optimizer": _copied(self.optimizer.state_dict()),
            "average": _copied(self._averaged()),
            "step": self.step,
            "validated": self.validated,
            "steps": self.steps,
            "budget": str(self.budget),
            "ended": self.ended,
            "seconds": self.seconds,
            "best": dict(self.best),
            "waited": self.waited,
            "history": list(self.history),
            "losses": list(self._losses),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned, in this or another process, on this or another device."""
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average, self._pairs = {k: v.to(self.device, copy=True) for k, v in state["average"].items()}, None
        self.step, self.steps, self.waited = state["step"], state["steps"], state["waited"]
        self.budget = Budget.parse(state["budget"])  # the share that was given then, not one of now
        self.validated, self.ended, self.seconds = state["validated"], state["ended"], state["seconds"]
        self.best, self.history = dict(state["best"]), list(state["history"])
        self._losses = list(state["losses"])

    def __iter__(self) -> Iterator[Event]:
        """Train to the end of the budget, yielding at every validation; the net then holds the kept weights."""
        try:
            with one_thread(), repeatable(self.device), kept(self._generators):
                yield from self._trained()
            self._keep_best()
        finally:
            self.net.to("cpu")

    def _trained(self) -> Iterator[Event]:
        self.keeper.begin(self)
        clock = self._clock = _Clock(self.seconds)
        try:
            valid_seconds = self._first_validation()
            probe = (self.step, clock.seconds())
            while True:  # every turn goes on from the state alone, wherever it was restored
                if self._is_time_to_validate():
                    yield self._event(clock.seconds())
                if self.ended:
                    break
                self._train_step()
                self.seconds = clock.seconds()
                if self.steps is None and self.step >= PROBE_STEPS:
                    step_seconds = (self.seconds - probe[1]) / (self.step - probe[0])
                    self.steps = self.world.same(self._plan(step_seconds, valid_seconds))
                self._look_for_end()
                self.keeper.look(self)
                self._obey()
        except Stopped:
            self.keeper.leave(self)
            raise

    def _first_validation(self) -> float:
        """Measure what a validation costs; its figures are not used, so a restored fit may repeat it."""
        began = time.monotonic()
        if self.validate is not None and self.steps is None:
            self._validate_average()
        return time.monotonic() - began

    def _plan(self, step_seconds: float, valid_seconds: float) -> int:
        assert self.budget.seconds is not None
        left = (self.budget.seconds - self.seconds) * PLANNED_SHARE - VALIDATIONS * valid_seconds
        most = self.settings.most_epochs * self.batches.steps_per_epoch
        return max(PROBE_STEPS + 1, min(most, PROBE_STEPS + int(left / step_seconds)))

    def _rate(self) -> float:
        """Learning rate of this step: warm-up, then as it is or half a cosine to zero (Loshchilov & Hutter 2017)."""
        warm = self.settings.warmup_steps
        flat = max(warm, PROBE_STEPS)  # up to here the rate must not depend on a plan that a probe has yet to make
        if self.steps is None or self.step < flat or self.settings.schedule == "constant":
            return self.settings.learning_rate * min(1.0, (self.step + 1) / max(1, warm))
        done = (self.step - flat) / max(1, self.steps - flat)
        return self.settings.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    def _train_step(self) -> None:
        seed = key(self.seed, "step", self.step)
        for generator in self._generators:
            generator.manual_seed(seed)
        if not self.net.training:  # a validation or the caller has used it; to ask costs less than to set it
            self.net.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        batch = self.batches[self.step]
        count = len(batch.frames)
        part = self.world.part(count)
        if self.world.size > 1:
            batch = batch.part(part)
        batch = batch.to(self.device)
        with rows(part, count):
            with torch.autocast(self.device.type, torch.bfloat16) if self.is_reduced else nullcontext():
                loss = self.objective(batch)
            for parameter in self._parameters:
                parameter.grad = None  # as zero_grad does, without its 20 us of profiling hooks
            (loss * self.world.size).backward()  # gradients are averaged over the processes, and must be added
        value, self._stops, self._late = self.world.total(
            loss.item(), self.keeper.must_stop() is not None, self._is_late()
        )
        if not math.isfinite(value):
            raise self._diverged("the loss is not a number", value)
        nn.utils.clip_grad_norm_(self._parameters, self.settings.clip_norm)
        self.optimizer.step()
        self.step += 1
        self._losses.append(value)
        self._update_average()

    def _diverged(self, what: str, value: float) -> Diverged:
        return Diverged(
            what,
            where=type(self.net).__name__,
            measured=f"loss {value} at step {self.step}, batch {self.step}",
            remedy="Lower the learning rate or look for extreme values in the input.",
        )

    @torch.no_grad()
    def _update_average(self) -> None:
        """Move the average towards the weights; where it is off, it is made when it is asked for."""
        if not self.settings.average:
            return
        if self._pairs is None:  # the tensors stay the same while the fit lasts; to list them costs 25 us a step
            live = self.net.state_dict()
            floats = [name for name, value in live.items() if value.is_floating_point()]
            others = [(self.average[name], live[name]) for name in live if name not in floats]
            self._pairs = ([self.average[name] for name in floats], [live[name] for name in floats], others)
        averages, weights, others = self._pairs
        torch._foreach_lerp_(averages, weights, 1 - min(self.settings.average, self.step / (self.step + 10)))
        for average, value in others:
            average.copy_(value)

    def _averaged(self) -> dict[str, Tensor]:
        """Return the averaged weights, or the trained ones where the average is off."""
        return self.average if self.settings.average else self.net.state_dict()

    def _look_for_end(self) -> None:
        if self.steps is not None and self.step >= self.steps:
            self.ended = "budget"
        elif self.budget.stop is not None and self.step >= self.budget.stop:
            self.ended = "stop"
        elif self._late:
            self.ended = "deadline"

    def _is_late(self) -> bool:
        return self.budget.seconds is not None and self._clock.seconds() > self.budget.seconds

    def _obey(self) -> None:
        """End with all processes when one of them was told to."""
        if self._stops:
            raise self.keeper.must_stop() or Stopped("another process of this fit was told to stop")

    def _is_time_to_validate(self) -> bool:
        if self.step <= self.validated:
            return False
        if self.ended:
            return True
        if self.steps is None or self.step <= PROBE_STEPS:
            return False
        return self.step % max(1, self.steps // VALIDATIONS) == 0

    def _validate_average(self) -> tuple[float, float, float]:
        """Validate the averaged weights; the trained ones are put back."""
        assert self.validate is not None
        trained = {k: v.clone() for k, v in self.net.state_dict().items()}
        self.net.load_state_dict(self._averaged())
        self.net.eval()
        try:
            with torch.no_grad():
                return self.validate(self.net, self.keeper.poll if self.world.size == 1 else _nothing)
        finally:
            self.net.load_state_dict(trained)

    def _event(self, seconds: float) -> Event:
        loss = score = None
        if self.validate is not None:
            loss, error, score = self._validate_average()
            if not math.isfinite(loss):
                raise self._diverged("the loss on held-out examples is not a number", loss)
            self._weigh(loss, error)
        self.validated = self.step
        mean = sum(self._losses) / max(1, len(self._losses))
        self._losses = []
        event = Event(self.step, self.steps or self.step, seconds, mean, loss, score)
        self.history.append(asdict(event))
        return event

    def _weigh(self, loss: float, error: float) -> None:
        """Keep these weights if they are as good as the best so far, and end when none have been for long."""
        if loss < self.best["loss"]:
            self.best |= {"loss": loss, "error": error}
        if loss <= self.best["loss"] + self.best["error"]:
            self.best |= {"step": self.step, "weights": _copied(self._averaged())}
            self.waited = 0
            return
        self.waited += 1
        if self.waited >= self.settings.patience and not self.ended:
            self.ended = "patience"

    def _keep_best(self) -> None:
        weights = self.best["weights"]
        if weights is None:
            weights, self.best["step"] = self._averaged(), self.step
        self.net.load_state_dict(weights)
        self.net.eval()


class _Objective(nn.Module):
    """The loss of a net as a module, so that gradients of several processes meet on the way back."""

    def __init__(self, net: nn.Module, loss: Callable[[Any, Batch], Tensor]) -> None:
        super().__init__()
        self.net, self.loss = net, loss

    def forward(self, batch: Batch) -> Tensor:
        return self.loss(self.net, batch)


def _nothing() -> None:
    """Do nothing: processes that must agree are told to stop between steps only."""


class _Clock:
    """Seconds a fit has taken, those before an interruption included."""

    def __init__(self, before: float) -> None:
        self.began = time.monotonic() - before

    def seconds(self) -> float:
        return time.monotonic() - self.began


def _known_steps(budget: Budget, batches: Batches) -> int | None:
    """Return how many steps a budget is, or None for one in seconds: a probe will tell."""
    return budget.epochs * batches.steps_per_epoch if budget.epochs is not None else budget.steps


def _copied(value: Any) -> Any:
    """Return a nested state with its tensors copied to the processor."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {name: _copied(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_copied(part) for part in value)
    return value


def _is_reduced(precision: str, device: torch.device) -> bool:
    """Whether to multiply in bfloat16; without hardware for it, that would be slower than float32."""
    if precision not in ("float32", "bfloat16", "auto"):
        raise UsageError("no such precision", where=repr(precision), remedy="Use float32, bfloat16 or auto.")
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())


def check_optimizer(name: str) -> type[torch.optim.Optimizer]:
    """Return the class of this name in torch.optim; `UsageError` if there is none."""
    kind = getattr(torch.optim, name, None)
    if not (isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer)) or kind is torch.optim.Optimizer:
        raise UsageError("no such optimizer in torch.optim", where=repr(name))
    return kind


def _optimizer(net: nn.Module, settings: Training) -> torch.optim.Optimizer:
    kind: Any = check_optimizer(settings.optimizer)
    options: dict[str, Any] = {"lr": settings.learning_rate}
    if settings.optimizer in ("AdamW", "SGD", "Adam", "RMSprop", "NAdam", "RAdam"):
        options["weight_decay"] = settings.weight_decay
    if settings.optimizer == "SGD":
        options["momentum"] = 0.9
    made: torch.optim.Optimizer = _without_compiler(kind)(net.parameters(), **options)
    return made


@cache
def _without_compiler(kind: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """Return an optimizer without what torch.optim wraps around its methods for torch's compiler.

    The wrappers load the compiler at their first call, which takes seconds in every process that trains.
    """
    names = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    plain = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    return type(kind.__name__, (kind,), plain | {"step": torch.no_grad()(inspect.unwrap(kind.step))})
