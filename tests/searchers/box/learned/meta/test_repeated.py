"""What a GPU repeats is what a processor computes anew."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from harness.searchers.box.learned.architecture import Architecture
from harness.searchers.box.learned.meta.losses import loss_of
from harness.searchers.box.learned.meta.repeated import Repeated
from harness.searchers.box.learned.meta.rollout import Batch, unroll
from harness.searchers.box.learned.network import Network

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def gradients(network: Network, batch: Batch) -> tuple[Tensor, ...]:
    return torch.autograd.grad(loss_of("ei", unroll(network, batch)), list(network.parameters()))


def test_a_processor_computes_every_batch_anew() -> None:
    seen: list[Batch] = []
    repeated = Repeated(seen.append, torch.device("cpu"))
    first, second = (Batch(torch.zeros(2, 3) + number, None) for number in range(2))
    repeated(first)
    repeated(second)
    assert seen[0] is first
    assert seen[1] is second


@needs_cuda
@pytest.mark.parametrize("cell", ["lstm", "dnc"])
@pytest.mark.parametrize("parallel", [0, 2])
def test_a_gpu_repeats_for_each_batch_what_it_would_compute_for_it(cell: str, parallel: int) -> None:
    device = torch.device("cuda")
    network = Network(Architecture(dimensions=2, cell=cell, parallel=parallel), seed=0).to(device)  # type: ignore[arg-type]
    repeated = Repeated(lambda batch: gradients(network, batch), device)
    for seed in range(3):
        batch = Batch.draw(seed, 4, 6, parallel=parallel, device=device)
        for ours, theirs in zip(repeated(batch), gradients(network, batch), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
