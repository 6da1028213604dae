"""Broken searchers and tasks are imported by name, here and in the processes that some checks start."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
