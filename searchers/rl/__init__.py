"""The controller of Neural Optimizer Search: an LSTM that writes rules and learns from what they earn.

``controller`` is the policy, ``objectives`` how it learns, ``agent`` the searcher that the harness asks and tells.
"""
