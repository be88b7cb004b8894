"""The peers, and the settings of each that its documentation offers and that can matter on these cores."""

from dataclasses import dataclass
from os import cpu_count

CORES = cpu_count() or 1
BATCH = 8
BACKENDS = ("torch", "onnx")
FASTAPI_SLOTS, RAY_SLOTS = 40, 5
"""What FastAPI gives endpoints that are no coroutines, and Ray Serve a replica, unless told otherwise."""


@dataclass(frozen=True)
class Setting:
    """How many of what; the words are those of ``Options``."""

    workers: int = 1
    slots: int = 1
    threads: int = 1
    batch: int = 1

    def __str__(self) -> str:
        counts = {"worker": self.workers, "slot": self.slots, "thread": self.threads}
        said = ", ".join(f"{count} {word}{'s' if count > 1 else ''}" for word, count in counts.items())
        return said + (f", batches of {self.batch}" if self.batch > 1 else "")


@dataclass(frozen=True)
class Peer:
    """One way to serve.

    Attributes:
        name: As people know it.
        program: Its module here.
        needs: What the program imports beside what the vision package does.
        settings: What is tried; its defaults come first.
    """

    name: str
    program: str
    needs: tuple[str, ...]
    settings: tuple[Setting, ...]


PLAIN = Setting(threads=CORES)
A_WORKER_A_CORE = Setting(workers=CORES)
IN_BATCHES = Setting(workers=CORES, batch=BATCH)

BARE_FASTAPI = Peer(
    "bare FastAPI",
    "bare_fastapi",
    ("fastapi", "python_multipart", "uvicorn"),
    (Setting(slots=FASTAPI_SLOTS, threads=CORES), Setting(slots=CORES), A_WORKER_A_CORE),
)
LITSERVE = Peer(
    "LitServe", "litserve", ("litserve", "python_multipart"), (PLAIN, A_WORKER_A_CORE, IN_BATCHES)
)
BENTOML = Peer("BentoML", "bentoml", ("bentoml",), (PLAIN, Setting(slots=CORES), A_WORKER_A_CORE, IN_BATCHES))
RAY_SERVE = Peer(
    "Ray Serve",
    "ray_serve",
    ("ray", "ray.serve"),
    (
        Setting(slots=RAY_SLOTS, threads=CORES),
        Setting(workers=CORES, slots=RAY_SLOTS),
        A_WORKER_A_CORE,
        Setting(workers=CORES, slots=2 * BATCH, batch=BATCH),
    ),
)
PEERS = (BARE_FASTAPI, LITSERVE, BENTOML, RAY_SERVE)
SERVERS = (LITSERVE, BENTOML, RAY_SERVE)
"""Those that are made to serve networks: what this service is held against."""
