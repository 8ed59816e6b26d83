"""The callbacks of a key and its team are found once a minute."""

from __future__ import annotations

from typing import Any

from structlog.testing import capture_logs

from pipelines.errors import StoreUnavailable
from proxy.config.callbacks import CallbackSettings
from proxy.stores.entities.kinds import Key, Team
from proxy.stores.keys import callbacks
from proxy.stores.keys.callbacks import GOOD_FOR, OwnCallbacks
from tests.fakes.entities import FakeEntities
from tests.fakes.ports import FakeClock


def logging(name: str = "langfuse", secret: str = "s") -> dict[str, Any]:
    given = {"langfuse_public_key": "p", "langfuse_secret": secret, "langsmith_api_key": "k"}
    return {"logging": [{"callback_name": name, "callback_vars": given}]}


class Entities(FakeEntities):
    """A store that can be away, and counts how often it is asked."""

    away = False
    asked = 0

    async def get(self, kind: Any, id: str) -> Any:
        self.asked += 1
        if self.away:
            raise StoreUnavailable("away")
        return await super().get(kind, id)


def a_house() -> tuple[OwnCallbacks, Entities, FakeClock]:
    store = Entities(
        Key(id="k", digest="d", metadata=logging("langfuse")),
        Team(id="t", metadata=logging("langsmith")),
    )
    clock = FakeClock()
    return OwnCallbacks(store, CallbackSettings(), clock), store, clock


async def test_those_of_the_key_and_the_team_are_found_and_remembered() -> None:
    own, store, clock = a_house()
    assert own.known(("k", "t")) is None
    found = await own.find(("k", "t"))
    assert [one.callback.name for one in found] == ["langfuse", "langsmith"]
    assert own.known(("k", "t")) == found
    assert await own.find(("k", "t")) == found
    assert store.asked == 2
    clock.now += GOOD_FOR
    assert own.known(("k", "t")) is None


async def test_whoever_has_none_is_remembered_too() -> None:
    own, _, _ = a_house()
    assert await own.find(("other", None)) == ()
    assert own.known(("other", None)) == ()


async def test_while_the_database_is_away_what_was_known_is_good() -> None:
    own, store, clock = a_house()
    found = await own.find(("k", None))
    clock.now += GOOD_FOR
    store.away = True
    assert await own.find(("k", None)) == found
    assert await own.find(("new", None)) == ()


async def test_what_is_left_out_is_told_once_without_a_secret() -> None:
    own, store, clock = a_house()
    store.rows["key", "k"] = Key(id="k", digest="d", metadata=logging("other", "marked"))
    with capture_logs() as lines:
        await own.find(("k", None))
        clock.now += GOOD_FOR
        await own.find(("k", None))
    [line] = lines
    assert (line["event"], line["id"]) == ("a callback is left out", "k")
    assert "marked" not in str(line)


async def test_only_so_many_are_remembered(monkeypatch: Any) -> None:
    monkeypatch.setattr(callbacks, "MOST", 2)
    own, _, _ = a_house()
    for name in ("a", "b", "c"):
        await own.find((name, None))
    assert own.known(("a", None)) is None
    assert own.known(("c", None)) == ()
