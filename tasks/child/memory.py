"""Freed memory is kept for the next step instead of being returned to the system.

A step allocates the same few buffers of several megabytes again and again. If the allocator returns them to the system
when they are freed, the system must clear every page again at the next step. Outcomes do not depend on this.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc
KEPT_BYTES = 2**30  # free memory at the top of the heap before any of it is returned
HEAP_BYTES = 2**25  # smaller requests come from the heap; glibc's own upper limit


@cache
def keep_freed_memory() -> bool:
    """Configure this process's allocator once, and return whether that worked; it needs Linux with glibc."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, HEAP_BYTES)) and bool(mallopt(M_TRIM_THRESHOLD, KEPT_BYTES))
