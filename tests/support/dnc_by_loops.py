"""A differentiable neural computer for one function, in loops, straight from the equations of Graves et al. 2016.

It shares nothing with ours but the names of the weights, and the small number added to squared lengths and usage.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def sigmoid(x: Vector) -> Vector:
    return 1 / (1 + np.exp(-x))


def softmax(x: Vector) -> Vector:
    return np.exp(x) / np.exp(x).sum()


def oneplus(x: float) -> float:
    return 1 + math.log(1 + math.exp(x))


def content(memory: Vector, key: Vector, strength: float, epsilon: float) -> Vector:
    """C(M, k, β)."""
    closeness = [(key @ word) / math.sqrt((key @ key + epsilon) * (word @ word + epsilon)) for word in memory]
    return softmax(strength * np.array(closeness))


class LoopedDnc:
    def __init__(self, weights: Mapping[str, Vector], *, slots: int, width: int, heads: int, epsilon: float) -> None:
        self.weights, self.slots, self.width, self.heads, self.epsilon = weights, slots, width, heads, epsilon
        self.hidden = weights["cell.interface.weight"].shape[1]
        self.h, self.c = np.zeros(self.hidden), np.zeros(self.hidden)
        self.memory = np.zeros((slots, width))
        self.usage, self.written, self.precedence = np.zeros(slots), np.zeros(slots), np.zeros(slots)
        self.links = np.zeros((slots, slots))
        self.read = np.zeros((heads, slots))
        self.words = np.zeros((heads, width))

    def controller(self, inputs: Vector) -> None:
        w = {name.rpartition(".")[2]: each for name, each in self.weights.items() if ".controller." in name}
        gates = w["weight_ih"] @ np.concatenate([inputs, *self.words]) + w["bias_ih"]
        gates = gates + w["weight_hh"] @ self.h + w["bias_hh"]
        added, kept, candidate, shown = np.split(gates, 4)
        self.c = sigmoid(kept) * self.c + sigmoid(added) * np.tanh(candidate)
        self.h = sigmoid(shown) * np.tanh(self.c)

    def step(self, inputs: Vector) -> Vector:
        self.controller(inputs)
        xi = list(self.weights["cell.interface.weight"] @ self.h + self.weights["cell.interface.bias"])

        def take(count: int) -> Vector:
            taken = np.array(xi[:count])
            del xi[:count]
            return taken

        heads, width, slots = range(self.heads), self.width, range(self.slots)
        read_keys, write_key = [take(width) for _ in heads], take(width)
        read_strengths, write_strength = [oneplus(take(1)[0]) for _ in heads], oneplus(take(1)[0])
        vector, erase = take(width), sigmoid(take(width))
        free, allocation_gate, write_gate = sigmoid(take(self.heads)), sigmoid(take(1))[0], sigmoid(take(1))[0]
        modes = [softmax(take(3)) for _ in heads]
        assert not xi

        usage = np.zeros(self.slots)
        for i in slots:
            retention = math.prod(1 - free[r] * self.read[r, i] for r in heads)
            usage[i] = (self.usage[i] + self.written[i] - self.usage[i] * self.written[i]) * retention
        self.usage = usage

        allocation, product = np.zeros(self.slots), 1.0
        for i in sorted(slots, key=lambda i: usage[i]):
            allocation[i] = (1 - usage[i]) * product
            product *= usage[i] + self.epsilon

        similar = content(self.memory, write_key, write_strength, self.epsilon)
        written = write_gate * (allocation_gate * allocation + (1 - allocation_gate) * similar)
        for i in slots:
            for k in range(width):
                self.memory[i, k] = self.memory[i, k] * (1 - written[i] * erase[k]) + written[i] * vector[k]

        links = np.zeros((self.slots, self.slots))
        for i in slots:
            for j in slots:
                if i != j:
                    links[i, j] = (1 - written[i] - written[j]) * self.links[i, j] + written[i] * self.precedence[j]
        self.links = links
        self.precedence = (1 - written.sum()) * self.precedence + written
        self.written = written

        for r in heads:
            backward, forward = links.T @ self.read[r], links @ self.read[r]
            similar = content(self.memory, read_keys[r], read_strengths[r], self.epsilon)
            self.read[r] = modes[r][0] * backward + modes[r][1] * similar + modes[r][2] * forward
            self.words[r] = self.memory.T @ self.read[r]
        features = np.concatenate([self.h, *self.words])
        return sigmoid(self.weights["output.weight"] @ features + self.weights["output.bias"])
