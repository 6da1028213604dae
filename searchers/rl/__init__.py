"""The controller of Neural Optimizer Search: an LSTM that writes rules and learns from what they earn.

``controller`` is the policy, ``objectives`` defines how it learns (with ``critic`` and ``pretraining``, if they are
set), and ``agent`` is the searcher that the harness asks and tells.
"""
