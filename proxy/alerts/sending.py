"""Sends alerts to all channels, behind the calls' backs.

The rule: `tell` never waits; a channel that is down holds up no other one, what it could not take
is tried again for an hour, and the log says once that it begins and once that it is over.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from pipelines.clock import Clock
from pipelines.errors import Denied, Rejected, UpstreamError
from proxy.alerts.alert import Alert
from proxy.alerts.channels import Channel
from proxy.alerts.quiet import Quiet
from proxy.background import Background
from proxy.telemetry.logging import get_logger

MOST = 256
KEPT = 3600.0
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0


class Outbox:
    """What one channel is still to be sent."""

    def __init__(self, channel: Channel, clock: Clock) -> None:
        self.channel = channel
        self.sent = self.lost = 0
        self._clock = clock
        self._waiting: deque[tuple[Alert, float]] = deque()
        self._wake = asyncio.Event()
        self._failures = 0

    def put(self, alert: Alert, moment: float) -> None:
        """Take an alert; the oldest goes where there are too many."""
        if len(self._waiting) >= MOST:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append((alert, moment))
        self._wake.set()

    async def run(self) -> None:
        """Send what comes; runs until it is cancelled."""
        while True:
            while self._waiting:
                pause = await self.once()
                if pause:
                    await self._clock.sleep(pause)
            self._wake.clear()
            await self._wake.wait()

    async def once(self) -> float:
        """Try to send the oldest; gives the seconds to wait before the next try."""
        alert, moment = one = self._waiting[0]
        try:
            await self.channel.send(alert, moment)
        except (Denied, Rejected) as error:
            self._told(error)
            self.lost += 1
        except UpstreamError as error:
            self._told(error)
            if self._clock.time() < moment + KEPT:
                return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures - 1, 16))
            self.lost += 1
        else:
            self.sent += 1
            if self._failures:
                self._failures = 0
                get_logger(__name__).info("alerts are taken again", channel=self.channel.name)
        if self._waiting and self._waiting[0] is one:
            self._waiting.popleft()
        return 0.0

    def _told(self, error: UpstreamError) -> None:
        self._failures += 1
        if self._failures == 1:
            get_logger(__name__).warning(
                "alerts are not taken", channel=self.channel.name, reason=error.message
            )


class Alerts:
    """Tells each alert once, to every channel that takes its kind."""

    def __init__(self, channels: Sequence[Channel], quiet: Quiet, clock: Clock) -> None:
        self.outboxes = tuple(Outbox(one, clock) for one in channels)
        self._quiet = quiet
        self._clock = clock

    def takes(self, kind: str) -> bool:
        """Whether anybody wants to be told of this."""
        return any(one.channel.takes(kind) for one in self.outboxes)

    async def tell(self, alert: Alert) -> bool:
        """Have it sent, unless its cause was told not long ago; gives whether it is."""
        if not self.takes(alert.kind) or not await self._quiet.claim(alert.cause, alert.quiet):
            return False
        get_logger(__name__).warning(
            "alert", kind=alert.kind, level=alert.level, message=alert.message
        )
        moment = self._clock.time()
        for one in self.outboxes:
            if one.channel.takes(alert.kind):
                one.put(alert, moment)
        return True

    async def claim(self, cause: str, seconds: float) -> bool:
        """Whether this process is the one that does something by this name now."""
        return await self._quiet.claim(cause, seconds)

    def begin(self, background: Background) -> None:
        """Send what comes from now on."""
        for number, one in enumerate(self.outboxes):
            background.spawn(one.run(), f"alerts {one.channel.name} {number}")
