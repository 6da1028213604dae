"""How rules are scored in the cheap arenas: their named protocols."""

from __future__ import annotations

from harness.contracts import ChildProtocol, NamedProtocol
from harness.tasks.sweep import SWEEP

# For the quadratics and Rosenbrock: around the final best of random search after 300 children. For the classifier: from
# SGD's reward (0.44) to Adam's (0.66).
FUNCTION_TARGETS, CLASSIFIER_TARGETS = (0.55, 0.6, 0.65), (0.45, 0.55, 0.65)

TOY_QUADRATIC = ChildProtocol(
    name="toy-quadratic",
    version=1,
    task="toy-quadratic",
    inputs="none",
    train_examples=100,
    validation_examples=1,
    batch_size=10,
    epochs=5,
    learning_rates=SWEEP,
    chance=0.0,
)
TOY_ROSENBROCK = ChildProtocol(
    name="toy-rosenbrock",
    version=1,
    task="toy-rosenbrock",
    inputs="none",
    train_examples=120,
    validation_examples=1,
    batch_size=10,
    epochs=5,
    learning_rates=SWEEP,
    chance=0.0,
)
TOY_CLASSIFIER = ChildProtocol(
    name="toy-classifier",
    version=1,
    task="toy-classifier",
    inputs="none",
    train_examples=384,
    validation_examples=500,
    batch_size=32,
    epochs=5,
    learning_rates=SWEEP,
    chance=0.1,
)

NAMED_TOY_QUADRATIC = NamedProtocol(
    TOY_QUADRATIC,
    "noisy quadratics, milliseconds per rule: for tests and for comparing searchers cheaply",
    targets=FUNCTION_TARGETS,
)
NAMED_TOY_ROSENBROCK = NamedProtocol(
    TOY_ROSENBROCK,
    "noisy Rosenbrock functions, milliseconds per rule: for comparing searchers cheaply",
    targets=FUNCTION_TARGETS,
)
NAMED_TOY_CLASSIFIER = NamedProtocol(
    TOY_CLASSIFIER,
    "a small network on a generated data set, milliseconds per rule: for comparing searchers cheaply",
    targets=CLASSIFIER_TARGETS,
)
