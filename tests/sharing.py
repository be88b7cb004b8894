"""How several workers share the tests, where pytest is asked for them with ``-n``."""

from xdist.scheduler import LoadScopeScheduling

ON_THE_SHARED_PLATFORM = (
    "tests/contract/",
    "tests/notebooks/",
    "tests/system/test_bundles_by_s3.py",
    "tests/system/test_metrics.py",
    "tests/system/test_slow_clients.py",
    "tests/system/test_whole_platform.py",
)


class FileByFile(LoadScopeScheduling):
    """A worker that is free takes the next file; the files on the shared platform are taken as one.

    So that platform is started once, its tests keep their order, and what has a platform of its own goes on
    beside them.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "the shared platform" if file.startswith(ON_THE_SHARED_PLATFORM) else file
