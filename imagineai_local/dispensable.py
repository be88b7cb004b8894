"""Files that the platform runs on without, as when the disk is full."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Dispensable:
    """A file that is written again and again; when that begins to fail it is said once.

    Args:
        what: The file, and what cannot be done with it, as a sentence begins.
        tell: Is given the sentence.
    """

    def __init__(self, what: str, tell: Callable[[str], None]) -> None:
        self._what, self._tell, self._fails = what, tell, False

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let the block fail to write; the next one tries again."""
        try:
            yield
        except OSError as error:
            failed_before, self._fails = self._fails, True  # before it is said, which may write the same file
            if not failed_before:
                self._tell(f"{self._what} ({error.strerror}); the platform runs on, and tries it again.")
        else:
            self._fails = False
