"""The workloads on images: the child trained for longer, a Wide ResNet, and NASNet-A on ImageNet (protocol §7)."""
