"""Rules as source code that needs PyTorch alone."""
