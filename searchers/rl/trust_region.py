"""The natural gradient step of TRPO (Schulman et al. 2015, §6 and appendix C)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.searchers.rl.controller import Controller, Reading

CG_STEPS = 10
CG_TOLERANCE = 1e-10
SHRINK = 0.5  # factor on the step at each backtrack
BACKTRACKS = 12


@dataclass(frozen=True, slots=True)
class Step:
    """The effect of one update.

    Attributes:
        accepted: whether the weights moved.
        divergence: mean KL(old ‖ new) over the batch, in nats per rule; 0 if they did not move.
        improvement: increase of the surrogate; 0 if they did not move.
    """

    accepted: bool
    divergence: float
    improvement: float


def divergence(old: Reading, new: Reading) -> Tensor:
    """Return KL(old ‖ new) along the batch's picks, summed over a rule's steps, in nats, shape ``(batch,)``.

    Its mean over picks drawn from the old policy is an unbiased estimate of the divergence of the rules' distributions.
    """
    return (old.chances * (old.logs - new.logs)).sum((1, 2))


def fisher_product(controller: Controller, reading: Reading, *, damping: float) -> Callable[[Tensor], Tensor]:
    """Return the map v ↦ (F + damping) v by differentiating ∇KL · v; F is the Fisher matrix over a batch's steps.

    Args:
        controller: whose weights.
        reading: the batch's probabilities at these weights, with their graph.
        damping: at least 0.
    """
    parameters = controller.parameters
    mean = divergence(reading.detached(), reading).mean()
    slope = _flat(torch.autograd.grad(mean, parameters, create_graph=True))

    def product(vector: Tensor) -> Tensor:
        return _flat(torch.autograd.grad(slope @ vector, parameters, retain_graph=True)) + damping * vector

    return product


def conjugate_gradients(product: Callable[[Tensor], Tensor], right: Tensor, *, steps: int = CG_STEPS) -> Tensor:
    """Return the solution of A x = b for a positive definite A that is given by its products.

    Args:
        product: v ↦ A v.
        right: b, shape ``(n,)``.
        steps: maximum number of steps.
    """
    solution, residual = torch.zeros_like(right), right.clone()
    direction, square = right.clone(), float(right @ right)
    for _ in range(steps):
        if square <= CG_TOLERANCE * float(right @ right):
            break
        image = product(direction)
        length = square / float(direction @ image)
        solution += length * direction
        residual -= length * image
        square, before = float(residual @ residual), square
        direction = residual + (square / before) * direction
    return solution


def natural_step(
    controller: Controller,
    picks: Tensor,
    surrogate: Callable[[Reading], Tensor],
    *,
    bound: float,
    damping: float,
) -> Step:
    """Move the weights along F⁻¹∇L as far as the KL bound allows, if that raises L.

    The Fisher matrix F is the Hessian at the current weights of the mean KL over the batch; ``damping`` is added to its
    diagonal. From the length at which the quadratic model meets the bound, √(2δ / xᵀFx), the step is halved until the
    true divergence is within the bound and the surrogate has risen; if that never happens, the weights stay.

    Args:
        controller: whose weights.
        picks: the batch, shape ``(batch, positions)``.
        surrogate: L, the scalar to increase.
        bound: δ, in nats per rule.
        damping: at least 0.
    """
    parameters = controller.parameters
    reading = controller.read(picks)
    before = surrogate(reading)
    gradient = _flat(torch.autograd.grad(before, parameters, retain_graph=True))
    old = reading.detached()
    fisher = fisher_product(controller, reading, damping=damping)
    direction = conjugate_gradients(fisher, gradient)
    curvature = float(direction @ fisher(direction))
    if not curvature > 0.0:  # no gradient at all, for example if all rewards are equal and there is no entropy bonus
        return Step(False, 0.0, 0.0)
    full = direction * (2.0 * bound / curvature) ** 0.5
    start = [parameter.detach().clone() for parameter in parameters]
    with torch.no_grad():
        for halvings in range(BACKTRACKS):
            _move(parameters, start, full * SHRINK**halvings)
            new = controller.read(picks)
            moved, gain = float(divergence(old, new).mean()), float(surrogate(new) - before)
            if moved <= bound and gain > 0.0:
                return Step(True, moved, gain)
        _move(parameters, start, torch.zeros_like(full))
    return Step(False, 0.0, 0.0)


def _flat(parts: tuple[Tensor, ...]) -> Tensor:
    return torch.cat([part.reshape(-1) for part in parts])


def _move(parameters: list[Tensor], start: list[Tensor], step: Tensor) -> None:
    pieces = step.split([parameter.numel() for parameter in parameters])
    for parameter, origin, piece in zip(parameters, start, pieces, strict=True):
        parameter.copy_(origin + piece.view_as(origin))
