"""Keys change their secrets by themselves, and nobody is left without a good one."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import orjson
import pytest
from structlog.testing import capture_logs

from pipelines.errors import StoreUnavailable, UpstreamFailed
from proxy.background import Background
from proxy.config.identity import IdentitySettings
from proxy.config.rotation import RotationSettings
from proxy.rotation import EVERY, KeyRotation
from proxy.signing import SIGNATURE, TIMESTAMP, signed
from proxy.stores.entities.kinds import Entity, Key
from proxy.stores.entities.store import Actor
from proxy.stores.keys.digest import digest
from proxy.stores.keys.directory import Directory
from proxy.stores.keys.rotating import Maker
from tests.fakes.entities import FakeEntities
from tests.fakes.ports import FakeClock

E = TypeVar("E", bound=Entity)

OLD = "sk-the-old-secret-of-the-key"
MASTER = "sk-master-0123456789"
SECRET = "a secret of the webhook"
HOOK = RotationSettings("https://hook.example/keys", SECRET)
DAY = 86_400.0


class Crash(BaseException):
    """The process ends here."""


@dataclass
class House:
    """What outlives a process, and the receiver of the webhook."""

    store: FakeEntities
    clock: FakeClock = field(default_factory=FakeClock)
    told: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    answers: list[BaseException | None] = field(default_factory=list)
    master: str = MASTER

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, UpstreamFailed):
            raise answer
        self.told.append({**orjson.loads(body), "url": url, "raw": body})
        self.headers.append(headers)
        if answer is not None:
            raise answer

    async def once(self) -> int:
        """One process wakes up."""
        maker = Maker(self.master)
        return await KeyRotation(self.store, HOOK, maker, self.post, self.clock).once(HOOK)

    async def lets_in(self, secret: str) -> bool:
        """Whether a gateway that has just begun knows the secret."""
        background = Background()
        keys = Directory(self.store, IdentitySettings(), MASTER, self.clock, background)
        found = await keys.find(secret)
        await background.close()
        return found is not None

    async def key(self) -> Key:
        found = await self.store.get(Key, "k")
        assert found is not None
        return found

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds


def a_house(*answers: BaseException | None, **fields: object) -> House:
    house = House(FakeEntities())
    now = datetime.fromtimestamp(house.clock.time(), UTC)
    given = {"id": "k", "digest": digest(OLD), "name": "sk-...-key", "alias": "ci", **fields}
    more = {"auto_rotate": True, "rotation_interval": "7d", "key_rotation_at": now}
    key = Key.model_validate({**more, **given})
    house.store.rows["key", "k"] = key
    house.answers = [*answers]
    return house


async def test_a_due_key_is_handed_out_and_the_old_secret_is_good_for_a_day() -> None:
    house = a_house()
    assert await house.once() == 1
    (told,) = house.told
    assert (told["event"], told["key_id"], told["key_alias"]) == ("key_rotated", "k", "ci")
    assert told["url"] == HOOK.url
    key = await house.key()
    assert key.digest == digest(told["key"]) == told["token"]
    assert (key.name, told["old_key_name"]) == (told["key_name"], "sk-...-key")
    (former,) = key.former
    assert datetime.fromisoformat(told["old_key_expires_at"]) == former.until
    assert await house.lets_in(OLD)
    house.wait(DAY + 1)
    assert not await house.lets_in(OLD)
    assert await house.lets_in(told["key"])
    assert await house.once() == 0


async def test_the_receiver_can_check_who_sent_it_and_when() -> None:
    house = a_house()
    await house.once()
    (told,), (headers,) = house.told, house.headers
    stamp = headers[TIMESTAMP]
    assert stamp == str(int(house.clock.time()))
    text = f"{stamp}.".encode() + told["raw"]
    found = hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()
    assert headers[SIGNATURE] == f"sha256={found}"
    assert signed(SECRET, b"other", house.clock.time())[SIGNATURE] != headers[SIGNATURE]


async def test_a_webhook_that_refuses_leaves_the_old_secret_good_and_gets_the_same_new_one() -> (
    None
):
    house = a_house(UpstreamFailed("answered with 500"))
    assert await house.once() == 0
    assert await house.lets_in(OLD)
    house.wait(30 * DAY)
    assert await house.lets_in(OLD)
    assert await house.once() == 1
    assert await house.lets_in(house.told[0]["key"])


async def test_whoever_took_the_secret_and_said_no_can_use_either() -> None:
    house = a_house()
    house.answers = [Crash()]
    with suppress(Crash):
        await house.once()
    assert await house.lets_in(OLD)
    assert await house.lets_in(house.told[0]["key"])


async def test_a_crash_before_anything_was_written_changes_nothing() -> None:
    house = a_house()
    house.store = Crashing(house.store, before=1)
    with suppress(Crash):
        await house.once()
    assert house.told == []
    assert await house.lets_in(OLD)
    assert (await house.key()).rotating is None


async def test_a_crash_before_the_hand_out_leaves_the_old_secret_and_is_made_good() -> None:
    house = a_house()
    house.store = Crashing(house.store, after=1)
    with suppress(Crash):
        await house.once()
    house.wait(DAY * 30)
    assert house.told == []
    assert await house.lets_in(OLD)
    assert await house.once() == 1
    assert await house.lets_in(house.told[0]["key"])


@pytest.mark.parametrize("crash", ["in the answer", "before the end is written"])
async def test_a_crash_after_the_hand_out_leaves_both_and_tells_the_same_again(crash: str) -> None:
    house = a_house()
    if crash == "in the answer":
        house.answers = [Crash()]
    else:
        house.store = Crashing(house.store, before=2)
    with suppress(Crash):
        await house.once()
    (told,) = house.told
    house.wait(DAY * 30)
    assert await house.lets_in(OLD)
    assert await house.lets_in(told["key"])
    assert await house.once() == 1
    assert (house.told[1]["key"], house.told[1]["id"]) == (told["key"], told["id"])
    house.wait(DAY + 1)
    assert await house.lets_in(told["key"])
    assert not await house.lets_in(OLD)


async def test_a_crash_after_the_end_was_written_loses_nothing() -> None:
    house = a_house()
    house.store = Crashing(house.store, after=2)
    with suppress(Crash):
        await house.once()
    assert await house.lets_in(house.told[0]["key"])
    house.wait(60)
    assert await house.once() == 0


async def test_a_new_master_key_after_a_crash_kills_no_secret_that_may_be_in_use() -> None:
    house = a_house(Crash())
    with suppress(Crash):
        await house.once()
    house.master = "sk-another-0123456789"
    house.wait(60)
    assert await house.once() == 1
    first, second = (one["key"] for one in house.told)
    assert first != second
    for secret in (OLD, second):
        assert await house.lets_in(secret)


async def test_of_two_processes_at_once_one_rotates() -> None:
    house = a_house()
    assert sorted(await asyncio.gather(house.once(), house.once())) == [0, 1]
    assert len(house.told) == 1


async def test_after_a_failure_the_others_wait_for_the_next_turn_and_are_not_begun() -> None:
    house = a_house(UpstreamFailed("away"))
    other = (await house.key()).model_copy(update={"id": "l", "digest": "other"})
    house.store.rows["key", "l"] = other
    assert await house.once() == 0
    kept = await house.store.get(Key, "l")
    assert kept is not None
    assert kept.rotating is None
    assert await house.once() == 1
    assert house.told[0]["key_id"] == "l"


async def test_a_key_that_got_another_secret_meanwhile_keeps_that() -> None:
    house = a_house()

    async def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
        fields = {"digest": "chosen", "rotating": None, "former": ()}
        await house.store.change(
            Key, "k", lambda key: key.model_copy(update=fields), Actor("admin")
        )

    rotation = KeyRotation(house.store, HOOK, Maker(MASTER), post, house.clock)
    assert await rotation.once(HOOK) == 0
    assert (await house.key()).digest == "chosen"


async def test_a_key_that_was_deleted_meanwhile_stays_deleted() -> None:
    house = a_house()

    async def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
        await house.store.remove(Key, ["k"], Actor("admin"))

    await KeyRotation(house.store, HOOK, Maker(MASTER), post, house.clock).once(HOOK)
    assert house.store.rows == {}


async def test_without_a_webhook_nothing_rotates_and_it_is_said_once() -> None:
    house = a_house()
    due = (await house.key()).key_rotation_at
    assert due is not None
    later = {"key_rotation_at": due + timedelta(seconds=90)}
    house.store.rows["key", "k"] = (await house.key()).model_copy(update=later)
    with capture_logs() as lines:
        await KeyRotation(house.store, None, Maker(MASTER), house.post, house.clock).run()
    assert [(one["keys"], one["log_level"]) for one in lines] == [(1, "warning")]
    assert (await house.key()).digest == digest(OLD)
    assert house.told == []
    assert house.clock.sleeps == [EVERY, EVERY]


async def test_more_keys_than_a_page_are_found() -> None:
    house = a_house()
    for number in range(1200):
        id = f"m{number:04}"
        house.store.rows["key", id] = (await house.key()).model_copy(
            update={"id": id, "digest": id}
        )
    assert await house.once() == 1201


async def test_it_looks_each_minute_and_outlives_a_store_that_is_away() -> None:
    house = a_house()
    looks = iter([StoreUnavailable("away"), Crash()])

    class Away(FakeEntities):
        async def find(self, *args: Any) -> Any:
            raise next(looks)

    rotation = KeyRotation(Away(), HOOK, Maker(MASTER), house.post, house.clock)
    with pytest.raises(Crash):
        await rotation.run()
    assert house.clock.sleeps == [EVERY]


class Crashing(FakeEntities):
    """Ends the process once, before or after its nth change."""

    def __init__(self, store: FakeEntities, before: int = 0, after: int = 0) -> None:
        super().__init__()
        self.rows, self._before, self._after, self._count = store.rows, before, after, 0

    async def change(
        self, kind: type[E], id: str, alter: Callable[[E], E], actor: Actor
    ) -> E | None:
        self._count += 1
        if self._count == self._before:
            raise Crash
        found = await super().change(kind, id, alter, actor)
        if self._count == self._after:
            raise Crash
        return found
