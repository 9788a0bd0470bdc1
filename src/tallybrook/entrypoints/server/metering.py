"""What this server's work would have cost on AWS: requests and queries by account.

Written down once a minute and when the server stops; events are counted from the log, by a
consumer of their own (``costs.reading``).
"""

import asyncio
import logging
from collections.abc import Callable

from tallybrook.costs.invoked import merge
from tallybrook.costs.journey import KEPT_S
from tallybrook.costs.measured import of_cold_start, of_failed_query, of_query, of_requests
from tallybrook.costs.prices import prices
from tallybrook.costs.recorder import Recorder
from tallybrook.costs.tiers import Tier
from tallybrook.errors import TallybrookError
from tallybrook.ports.clock import Clock
from tallybrook.ports.usage import UsageStore

EVERY_S = 60.0

_log = logging.getLogger("tallybrook.server")


class Metering:
    """``calls`` hands over how many calls each account made since it was last asked."""

    def __init__(
        self, usage: UsageStore, tier: Tier, calls: Callable[[], dict[str, int]], clock: Clock
    ) -> None:
        self._recorder, self._tier, self._calls, self._clock = (
            Recorder(usage), tier, calls, clock,
        )  # fmt: skip
        self._last_us = 0

    def query(self, account_id: str, scanned_bytes: int) -> None:
        """A query was answered."""
        self._recorder.note(self._clock(), account_id, of_query(scanned_bytes, prices()))

    def failed_query(self, account_id: str) -> None:
        """A query was begun and came to nothing."""
        self._recorder.note(self._clock(), account_id, of_failed_query())

    def write_down(self) -> None:
        """Note the calls and write down what is held. Raises ``StorageError``: the next time."""
        now_us = self._clock()
        for account_id, calls in self._calls().items():
            amounts = of_requests(calls, self._tier)
            if now_us - self._last_us > KEPT_S * 1_000_000:
                merge(amounts, of_cold_start("http", self._tier.memory_of("http")))
            self._last_us = now_us
            self._recorder.note(now_us, account_id, amounts)
        self._recorder.flush(now_us)

    async def run(self) -> None:
        """Write down every minute until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            await asyncio.to_thread(self._try)

    def _try(self) -> None:
        try:
            self.write_down()
        except TallybrookError as error:
            _log.error("usage: %s; it is written down later", error.detail)

    def close(self) -> None:
        """Write down what is left, as far as that is possible."""
        self._try()
