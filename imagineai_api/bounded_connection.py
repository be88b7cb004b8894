"""A connection to PostgreSQL on which nothing waits for ever, not even for a server that is frozen."""

import asyncio
from typing import Any, TypeVar

from psycopg import AsyncConnection, OperationalError, waiting
from psycopg.abc import PQGen

Answer = TypeVar("Answer")


class BoundedConnection(AsyncConnection[Any]):
    """Gives itself up when the server does not answer in time, or when nobody waits for the answer any more.

    psycopg would ask the server to cancel an abandoned statement, and wait 10 s for its consent. Here the
    server's own ``statement_timeout`` ends what it still does.

    Attributes:
        exchange_s: How long the server may take to answer one message.
    """

    exchange_s = 12.0

    async def wait(
        self,
        gen: PQGen[Answer],
        interval: float = 0.1,
        timeout: float | None = None,  # noqa: ASYNC109 - psycopg's own signature
    ) -> Answer:
        """Exchange messages until the generator has its answer.

        Raises:
            OperationalError: There was none in time; the connection is closed.
        """
        patience_s = self.exchange_s if timeout is None else timeout
        try:
            async with asyncio.timeout(patience_s):
                return await waiting.wait_async(gen, self.pgconn.socket, interval=interval)
        except TimeoutError as error:
            self.pgconn.finish()
            raise OperationalError(f"the server gave no answer within {patience_s:g} s") from error
        except asyncio.CancelledError:
            self.pgconn.finish()
            raise
