"""The competitors: each proposes rules of a space and learns from what they earn."""
