"""Rules as source code that needs only PyTorch."""
