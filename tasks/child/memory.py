"""Freed memory is kept for the next step, not given back to the system.

A step allocates the same few buffers of megabytes again and again. Where the allocator returns them when they are
freed, the system must clear every page anew at the next step. Outcomes do not depend on it.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc
KEPT_BYTES = 2**30  # of free memory at the top of the heap, before any of it is given back
HEAP_BYTES = 2**25  # requests smaller than that come from the heap; glibc's own upper limit


@cache
def keep_freed_memory() -> bool:
    """Tell this process's allocator, once; whether it took it. Other systems than Linux with glibc are left alone."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, HEAP_BYTES)) and bool(mallopt(M_TRIM_THRESHOLD, KEPT_BYTES))
