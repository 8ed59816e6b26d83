"""No attempt takes what the next one needs."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.deployment import Deployment
from pipelines.routing.deadline import Deadline
from pipelines.routing.policy import RoutePolicy
from pipelines.routing.wishes import Wishes
from tests.builders import a_call, a_deployment, a_stream_call, an_exchange


def patience(
    wishes: Wishes,
    spare: bool = False,
    streaming: bool = False,
    deployment: Deployment | None = None,
    **policy: Any,
) -> tuple[float, bool]:
    """How long the first attempt may take, and whether the client is in a hurry."""
    one = deployment or a_deployment()
    exchange = an_exchange(a_stream_call() if streaming else a_call(), deployment=one)
    deadline = Deadline(exchange, RoutePolicy(**policy), wishes)
    return deadline.patience(exchange, one, spare), deadline.hurried


@pytest.mark.parametrize(
    ("wishes", "spare", "streaming", "seconds", "hurried"),
    [
        (Wishes(), False, False, 600.0, False),
        (Wishes(), True, False, 540.0, False),
        (Wishes(), True, True, 300.0, False),
        (Wishes(timeout=4), False, False, 4.0, True),
        (Wishes(timeout=4), True, False, 3.0, True),
        (Wishes(stream_timeout=2), True, True, 2.0, True),
        (Wishes(stream_timeout=2), True, False, 540.0, False),
        (Wishes(timeout=9, stream_timeout=2), True, True, 2.0, True),
    ],
)
def test_an_attempt_leaves_time_for_another(
    wishes: Wishes, spare: bool, streaming: bool, seconds: float, hurried: bool
) -> None:
    assert patience(wishes, spare, streaming) == (seconds, hurried)


def test_a_deployments_own_time_counts_where_the_client_says_nothing() -> None:
    one = a_deployment(timeout=20.0, stream_timeout=5.0)
    assert patience(Wishes(), True, True, one) == (5.0, False)
    assert patience(Wishes(), True, False, one) == (20.0, False)
    assert patience(Wishes(timeout=30), False, False, one) == (30.0, False)


def test_the_total_is_the_clients_else_the_operators() -> None:
    exchange = an_exchange()
    assert Deadline(exchange, RoutePolicy(whole=20.0), Wishes()).left(105.0) == 15.0
    assert Deadline(exchange, RoutePolicy(whole=20.0), Wishes(timeout=2)).left(105.0) == -3.0
