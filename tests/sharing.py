"""How several workers share the tests, where pytest is asked for them with ``-n``."""

from xdist.scheduler import LoadScopeScheduling

ON_THE_SHARED_PLATFORM = (
    "tests/client/",
    "tests/console/",
    "tests/contract/",
    "tests/notebooks/",
    "tests/system/test_bundles_by_s3.py",
    "tests/system/test_metrics.py",
    "tests/system/test_monitoring.py",
    "tests/system/test_operators.py",
    "tests/system/test_slow_clients.py",
    "tests/system/test_tutorials.py",
    "tests/system/test_warm_start.py",
    "tests/system/test_whole_platform.py",
)
ON_THE_FAULTY_PLATFORM = "tests/faults/"


class FileByFile(LoadScopeScheduling):
    """A worker that is free takes the next file; the files on a shared platform are taken as one.

    So that platform is started once, its tests keep their order, and what has a platform of its own goes on
    beside them.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith(ON_THE_FAULTY_PLATFORM):
            return "the faulty platform"
        return "the shared platform" if file.startswith(ON_THE_SHARED_PLATFORM) else file
