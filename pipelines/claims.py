"""What each caller's calls are counted against, worked out once for many calls.

The rule: a claim that is remembered is the one that would be worked out now; a caller whose limits
change is another principal, and a budget that begins anew ends what is remembered of it.
"""

from __future__ import annotations

from pipelines.allowance import Allowance, Claim, claim
from pipelines.budgets import BudgetPolicy
from pipelines.deployment import Deployment
from pipelines.exchange import Principal
from pipelines.queueing import Queue

KEPT = 4096
LONGEST_KEPT = 200

_Allowances = tuple[Allowance, ...]


class Claims:
    """Works out claims under one policy, and keeps some thousands of them; `queue` is where their
    calls wait for held money, None: nowhere."""

    def __init__(self, policy: BudgetPolicy, queue: Queue | None = None) -> None:
        self.policy = policy
        self.queue = queue
        self._kept: dict[tuple[int, str, str], tuple[_Allowances, Allowance | None, Claim]] = {}

    def of(self, principal: Principal, deployment: Deployment, model: str, now: float) -> Claim:
        """What a call of this caller with this deployment at `now` is counted against."""
        allowances = principal.allowances
        # What is kept holds its allowances, so that no other can have their identity.
        name = (id(allowances), model, deployment.id)
        kept = self._kept.get(name)
        if (
            kept is not None
            and kept[0] is allowances
            and kept[1] is deployment.allowance
            and now < kept[2].until
        ):
            return kept[2]
        found = claim(self._all(allowances, deployment), model, now)
        if len(model) > LONGEST_KEPT:
            # A client may make up a name as long as a body.
            return found
        if len(self._kept) >= KEPT:
            self._kept.clear()
        self._kept[name] = (allowances, deployment.allowance, found)
        return found

    def _all(self, allowances: _Allowances, deployment: Deployment) -> list[Allowance]:
        shared = (self.policy.providers.get(deployment.provider.name), deployment.allowance)
        return [*allowances, *self.policy.everyone, *(one for one in shared if one is not None)]
