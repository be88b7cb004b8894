"""Train, validation and test: by group, seeded, with each label in its share as well as the groups allow."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from itertools import combinations
from typing import Final

from training.photos.sources import DataError, some

SPLITS: Final = ("train", "validation", "test")
_SWAPPED: Final = 40
"""How many of the largest groups are tried in each other's place."""
_ROUNDS: Final = 10
"""After which groups that hang together too closely are left; a label then has no photos to be judged on."""


def grouped(count: int, keys: Iterable[tuple[int, Hashable]], pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Return for each of ``count`` photos the number of its group: what a key or a pair joins stays together.

    Args:
        count: Of photos.
        keys: A photo's index and what it has in common with all that have the same.
        pairs: Indices of two photos that belong together.
    """
    parents = list(range(count))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    first_of: dict[Hashable, int] = {}
    joins = [(index, first_of.setdefault(key, index)) for index, key in keys]
    for one, other in (*joins, *pairs):
        low, high = sorted((root(one), root(other)))
        parents[high] = low
    return [root(index) for index in range(count)]


def split(labels: Sequence[str], groups: Sequence[int], shares: Sequence[float], seed: int) -> list[str]:
    """Return the split of each photo.

    Args:
        labels: Of N photos.
        groups: Of the same, as ``grouped`` returns them.
        shares: Wanted shares of train, validation and test, adding up to 1.
        seed: Decides between groups of one size.

    Raises:
        DataError: A label's photos are all of one group, so that they would lie in one split.
    """
    contents: dict[int, Counter[str]] = defaultdict(Counter)
    for label, group in zip(labels, groups, strict=True):
        contents[group][label] += 1
    wanted = _wanted(contents, shares)
    order = sorted(contents)
    random.Random(seed).shuffle(order)  # noqa: S311  # no secret
    order.sort(key=lambda group: -contents[group].total())
    counts = {label: [0] * len(SPLITS) for label in wanted}
    places: dict[int, int] = {}
    for group in order:
        needs = [_need(contents[group], counts, wanted, place) for place in range(len(SPLITS))]
        _put(contents[group], counts, places, group, needs.index(max(needs)))
    _improve(contents, counts, wanted, places, order[:_SWAPPED])
    _fill(contents, counts, places)
    return [SPLITS[places[group]] for group in groups]


def _wanted(contents: dict[int, Counter[str]], shares: Sequence[float]) -> dict[str, list[float]]:
    """Return how many photos of each label each split should get; of two groups none is for validation."""
    totals: Counter[str] = Counter()
    groups: Counter[str] = Counter()
    for content in contents.values():
        totals.update(content)
        groups.update(content.keys())
    alone = [label for label, number in groups.items() if number == 1]
    if alone:
        raise DataError(
            f"all photos of {some(alone)} belong to one group, so they would lie in one split and could not "
            "be judged; add photos of other groups, or leave the label out."
        )
    return {
        label: [
            share * totals[label] * (place != 1 or groups[label] > 2) for place, share in enumerate(shares)
        ]
        for label in sorted(totals)
    }


def _need(
    content: Counter[str], counts: dict[str, list[int]], wanted: dict[str, list[float]], place: int
) -> float:
    """Return how much of its labels a split still lacks, each label by its own size and the group's part."""
    return sum(
        number * (wanted[label][place] - counts[label][place]) / sum(wanted[label])
        for label, number in content.items()
    )


def _improve(
    contents: dict[int, Counter[str]],
    counts: dict[str, list[int]],
    wanted: dict[str, list[float]],
    places: dict[int, int],
    largest: list[int],
) -> None:
    """Swap large groups between splits while that brings all labels nearer to their shares."""

    def distance() -> float:
        return sum(
            (have - goal) ** 2 / max(goal, 0.01)
            for label, goals in wanted.items()
            for have, goal in zip(counts[label], goals, strict=True)
        )

    best = distance()
    for one, other in combinations(largest, 2):
        here, there = places[one], places[other]
        if here == there:
            continue
        _put(contents[one], counts, places, one, there)
        _put(contents[other], counts, places, other, here)
        if (after := distance()) < best:
            best = after
        else:
            _put(contents[one], counts, places, one, here)
            _put(contents[other], counts, places, other, there)


def _put(
    content: Counter[str], counts: dict[str, list[int]], places: dict[int, int], group: int, place: int
) -> None:
    for label, number in content.items():
        if group in places:
            counts[label][places[group]] -= number
        counts[label][place] += number
    places[group] = place


def _fill(contents: dict[int, Counter[str]], counts: dict[str, list[int]], places: dict[int, int]) -> None:
    """Give each label photos for training and judging; where not all can have both, training goes before."""
    _supply(0, 0, contents, counts, places)
    for _ in range(_ROUNDS):
        _supply(2, 0, contents, counts, places)
        if all(number[0] for number in counts.values()):
            return
        _supply(0, 2, contents, counts, places)


def _supply(
    place: int,
    spared: int,
    contents: dict[int, Counter[str]],
    counts: dict[str, list[int]],
    places: dict[int, int],
) -> None:
    """Move a small group for each label that a split lacks, where that can be one that no label misses.

    Args:
        place: Of the split that labels are to get photos in.
        spared: Of the split out of which no label's last photos are taken while there is another way.
        contents: Labels of each group.
        counts: Photos of each label by split.
        places: Of each group.
    """

    def is_missed(group: int) -> bool:
        last = any(counts[label][spared] == number for label, number in contents[group].items())
        return places[group] == spared != place and last

    for label in [label for label, number in counts.items() if number[place] == 0]:
        holders = [group for group, content in contents.items() if label in content]
        spare = [group for group in holders if counts[label][places[group]] > contents[group][label]]
        choices = [[group for group in groups if not is_missed(group)] for groups in (spare, holders)]
        groups = next(filter(None, (*choices, spare, holders)))
        group = min(groups, key=lambda one: (contents[one].total(), one))
        _put(contents[group], counts, places, group, place)
