"""Alerts to a webhook: signed, tried again, and a failed record at the end.

The body is the alert as JSON. ``Tallybrook-Signature: t=<epoch seconds>,v1=<hex>`` holds
HMAC-SHA-256 of ``<t>.<body>`` under the secret: a receiver compares it in constant time, refuses a
``t`` that is too old, and knows an alert that comes twice by ``Tallybrook-Alert-Id``.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import msgspec

from tallybrook.entities.again import SOURCE
from tallybrook.errors import RetryableError, UsageError
from tallybrook.ports.bus import Notice
from tallybrook.ports.clock import Clock, system_clock
from tallybrook.ports.log import FailedRecord
from tallybrook.ports.signing import HEADER, MIN_SECRET, signature

SUBSCRIBER = "alert-webhook"
MAX_TRIES = 10
TIMEOUT_S = 10.0
LONGEST_PAUSE_S = 900


def require_target(url: str, secret: str) -> None:
    """Raise ``UsageError`` for a webhook that cannot be used."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("TALLYBROOK_ALERT_WEBHOOK is no http(s) address")
    if len(secret) < MIN_SECRET:
        raise UsageError(
            f"TALLYBROOK_ALERT_WEBHOOK_SECRET needs {MIN_SECRET} characters or more to sign with"
        )


def pause_s(tries: int) -> int:
    """How long to wait after so many tries: a second at first, then twice as long each time."""
    return min(LONGEST_PAUSE_S, 1 << min(tries - 1, 20))


class Webhook:
    """Posts alerts to one address."""

    def __init__(self, url: str, secret: str, clock: Clock = system_clock) -> None:
        require_target(url, secret)
        self._url, self._secret, self._clock = url, secret, clock
        self._client = httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False)

    def send(self, notice: Notice) -> None:
        """Post an alert. Raises ``RetryableError`` unless the answer is a 2xx."""
        body = msgspec.json.encode(notice.data)
        headers = {
            "Content-Type": "application/json",
            "Tallybrook-Alert-Id": str(notice.data.get("alert_id", notice.notice_id)),
            HEADER: signature(self._secret, self._clock() // 1_000_000, body),
        }
        try:
            answer = self._client.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise RetryableError(f"the webhook: {type(error).__name__}: {error}") from error
        if not answer.is_success:
            raise RetryableError(f"the webhook answered {answer.status_code}")

    def close(self) -> None:
        self._client.close()


def given_up(
    keep_failed: Callable[[FailedRecord], None], clock: Clock = system_clock
) -> Callable[[Notice, str, int], None]:
    """What keeps an alert that could not be delivered."""

    def keep(notice: Notice, why: str, tries: int) -> None:
        now_us = clock()
        keep_failed(
            FailedRecord(
                failed_id=f"webhook-{notice.notice_id}",
                account_id=notice.account_id,
                source=SOURCE,
                reason="not_delivered",
                detail=f"{why} (after {tries} tries)",
                body=msgspec.json.encode(notice.data).decode(),
                tries=tries,
                first_at=notice.at,
                last_at=now_us,
            )
        )

    return keep
