"""The child: network, training, and the sweep that turns both into a reward (protocol §2)."""
