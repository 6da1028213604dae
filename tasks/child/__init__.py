"""The child: its network, its training, and the sweep that leads to a reward (protocol §2)."""
