"""Lists in pages: which page is asked for, and how many there are."""

import math
from typing import Annotated

from fastapi import Query

BAD_PAGE = "page: input should be greater than or equal to 1."
MAX_PAGE_SIZE = 100
MAX_PAGE = (2**63 - 1) // MAX_PAGE_SIZE
"""The last page whose offset PostgreSQL can count."""
Page = Annotated[int, Query(ge=1, le=MAX_PAGE)]
PageSize = Annotated[int, Query(ge=1, le=MAX_PAGE_SIZE)]


def pages(total: int, page_size: int) -> int:
    """Say how many pages so many items fill; none of them for no items."""
    return math.ceil(total / page_size)
