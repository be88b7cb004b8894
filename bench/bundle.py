"""The released bundle, which everything here computes with."""

from pathlib import Path

BUNDLE = Path(__file__).parent.parent / "models" / "shop"
