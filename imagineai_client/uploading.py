"""Many pictures into one product, several at a time, each to its findings."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import UUID

from imagineai_client.answers import Product
from imagineai_client.client import Client
from imagineai_client.errors import ImagineAIError, NotAuthenticated, ServiceUnreachable

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif"})
WORKERS = 4
FINAL = (NotAuthenticated, ServiceUnreachable)
"""Failures after which the other pictures would fail as well."""


@dataclass(frozen=True)
class Outcome:
    """What became of one picture.

    Attributes:
        path: The file.
        kind: It was analysed, or was there already, or failed.
        text: The label, or the reason.
    """

    path: Path
    kind: Literal["analysed", "there already", "failed"]
    text: str = ""


def pictures_of(paths: Iterable[Path]) -> list[Path]:
    """The named files, and the pictures within the named folders, by name.

    Raises:
        ImagineAIError: A path is not there, or a folder has no pictures.
    """
    return [picture for path in paths for picture in _pictures_of(path)]


def _pictures_of(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ImagineAIError(f"{path} is not there.")
    pictures = sorted(each for each in path.rglob("*") if each.suffix.lower() in SUFFIXES and each.is_file())
    if not pictures:
        raise ImagineAIError(f"{path} has no pictures: {', '.join(sorted(SUFFIXES))}.")
    return pictures


def product_named(client: Client, name: str) -> Product:
    """The product with this id or title; one is made where none has the title.

    Raises:
        ImagineAIError: There is no product with this id, or several have the title.
    """
    return _product(client, name) or client.create_product(name)


def existing_product(client: Client, name: str) -> Product:
    """The product with this id or title.

    Raises:
        ImagineAIError: There is none, or several have the title.
    """
    product = _product(client, name)
    if product is None:
        raise ImagineAIError(f"No product of yours is called {name}.")
    return product


def _product(client: Client, name: str) -> Product | None:
    if _is_id(name):
        return client.product(name)
    same = [product for product in _found(client, name) if product.title == name]
    if len(same) > 1:
        raise ImagineAIError(f"{len(same)} products are called {name}: name one by its id.")
    return same[0] if same else None


def _found(client: Client, words: str) -> Iterator[Product]:
    """All products that the service's search finds with these words next to each other."""
    phrase = '"' + words.replace('"', " ") + '"'
    number, pages = 1, 1
    while number <= pages:
        page = client.products(search=phrase, page=number, page_size=100)
        yield from page.items
        number, pages = number + 1, page.pages


def _is_id(name: str) -> bool:
    try:
        return bool(UUID(name))
    except ValueError:
        return False


class Uploading:
    """Uploads into one product; a picture that it has already, by name and size, is passed over.

    Args:
        client: Logged in.
        product: Where to.
        workers: How many pictures are on their way at a time.
    """

    def __init__(self, client: Client, product: Product, workers: int = WORKERS) -> None:
        self._client = client
        self._product = product
        self._workers = workers
        self._there = {
            (image.original_filename, image.file_size_bytes) for image in product.images if image.is_uploaded
        }

    def outcomes(self, paths: Iterable[Path]) -> Iterator[Outcome]:
        """Each picture's end, in the given order.

        Raises:
            ImagineAIError: The service is away or the session over; what was on its way ends first.
        """
        pool = ThreadPoolExecutor(self._workers)
        try:
            yield from pool.map(self._outcome, paths)
        finally:
            pool.shutdown(cancel_futures=True)

    def _outcome(self, path: Path) -> Outcome:
        try:
            if (path.name, path.stat().st_size) in self._there:
                return Outcome(path, "there already")
            upload = self._client.upload(self._product.id, path)
            self._client.wait(upload.job_id)
            found = self._client.analysis(upload.image_id)
        except FINAL:
            raise
        except OSError as error:
            return Outcome(path, "failed", f"It cannot be read: {error.strerror}.")
        except ImagineAIError as error:
            return Outcome(path, "failed", str(error))
        return Outcome(path, "analysed", found.classification_label or "")
