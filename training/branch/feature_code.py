"""Which code the cached features come out of: after a change of it they are others."""

from __future__ import annotations

import hashlib
import inspect
from typing import Final

from imagineai_vision import container, features, gif, jpeg, picture, png, profile, trunk, webp
from training import folders
from training.branch import augmentation, feature_cache
from training.bundles import export, passes

_READING: Final = (picture, container, gif, jpeg, png, profile, webp)
_COMPUTING: Final = (feature_cache, augmentation, trunk, features, passes, export, folders)


def code_sha256() -> str:
    """Return the hash of the sources."""
    return hashlib.sha256("".join(map(inspect.getsource, _READING + _COMPUTING)).encode()).hexdigest()
