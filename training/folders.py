"""Output folders that are there whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Give an empty folder beside the wanted one; it takes its place when the block ends without an error.

    Args:
        folder: What is to be written; its parent is made if absent.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def allocated(file: Path, kind: DTypeLike, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return a new array on disk whose whole room is taken at once.

    A memory map that only grows would kill the process on a full disk instead of failing.

    Raises:
        OSError: There is not enough room.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    array: NDArray[Any] = np.lib.format.open_memmap(file, "w+", kind, shape)
    with file.open("r+b") as opened:
        os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)
    return array
