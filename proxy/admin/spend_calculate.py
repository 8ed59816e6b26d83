"""What a call cost, or would cost.

The rule: it is counted as a call is counted, with the prices of the model that would serve it; a
price that nobody knows is an error, not zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.deployment import Deployment
from pipelines.dialects.openai import usage_of
from pipelines.estimate import PER_MESSAGE, PER_PROMPT, estimate_text_tokens
from pipelines.money import cost
from pipelines.usage import Usage
from proxy.admin.errors import DetailedRefusal
from proxy.admin.fields import Answer, Body, Count, Name
from proxy.admin.frame import Endpoint
from proxy.admin.money import usd
from proxy.admin.roles import EVERYBODY
from proxy.admin.session import Session
from proxy.admin.shorthand import asking

MOST_TOKENS = 10**12


class CalculateBody(Body):
    """A call that is to be made (`model`, `messages`), or the answer to one."""

    model: Name | None = None
    messages: list[Any] | None = None
    completion_response: dict[str, Any] | None = None


class EstimateBody(Body):
    """How many tokens a call has, and how many such calls there are."""

    model: Name
    input_tokens: Count = 0
    output_tokens: Count = 0
    num_requests_per_day: Count | None = None
    num_requests_per_month: Count | None = None


class CalculateAnswer(Answer):
    """What it costs, in US dollars."""

    cost: float


class EstimateAnswer(Answer):
    """What it costs, in US dollars: one call, and all of a day or a month."""

    model: str
    input_tokens: int
    output_tokens: int
    provider: str
    cost_per_request: float
    input_cost_per_request: float
    output_cost_per_request: float
    daily_cost: float | None = None
    monthly_cost: float | None = None


async def calculate(session: Session, body: CalculateBody) -> CalculateAnswer:
    """What an answer cost by its usage, or what a call's prompt would cost."""
    if body.completion_response is not None:
        named = body.model or body.completion_response.get("model")
        usage = usage_of(body.completion_response)
        if usage is None:
            raise DetailedRefusal("completion_response has no usage.", "completion_response")
    else:
        if body.messages is None:
            raise DetailedRefusal("Pass completion_response, or model and messages.")
        named, usage = body.model, Usage(prompt_tokens=_prompt(body.messages), estimated=True)
    if not isinstance(named, str):
        raise DetailedRefusal("Pass the model's name.", "model")
    return CalculateAnswer(cost=usd(_cost(session, _deployment(session, named), usage)))


async def estimate(session: Session, body: EstimateBody) -> EstimateAnswer:
    """What calls of a size cost."""
    deployment = _deployment(session, body.model)
    prompt, completion = Usage(body.input_tokens, 0), Usage(0, body.output_tokens)
    both = _cost(session, deployment, Usage(body.input_tokens, body.output_tokens))

    def times(count: int | None) -> float | None:
        return None if count is None else usd(both * count)

    return EstimateAnswer(
        model=body.model,
        input_tokens=body.input_tokens,
        output_tokens=body.output_tokens,
        provider=deployment.provider.name,
        cost_per_request=usd(both),
        input_cost_per_request=usd(_cost(session, deployment, prompt)),
        output_cost_per_request=usd(_cost(session, deployment, completion)),
        daily_cost=times(body.num_requests_per_day),
        monthly_cost=times(body.num_requests_per_month),
    )


def _deployment(session: Session, model: str) -> Deployment:
    routes = session.settings.routes
    if session.reach.sees_all or session.principal.may_use(model):
        found = routes.find(model) or tuple(
            # An answer names the provider's own model, not the public name.
            one
            for one in routes.deployments
            if one.model == model and session.principal.may_use(one.group)
        )
        if found:
            return next((one for one in found if one.tariff is not None), found[0])
    raise DetailedRefusal(f"No model {model[:200]!r} is served to you.", "model")


def _cost(session: Session, deployment: Deployment, usage: Usage) -> int:
    tariff = deployment.tariff
    if tariff is None:
        raise DetailedRefusal(
            f"The price of {deployment.group[:200]!r} is not known; set input_cost_per_token and"
            " output_cost_per_token.",
            "model",
        )
    if max(usage.prompt_tokens, usage.completion_tokens) > MOST_TOKENS:
        raise DetailedRefusal("These are more tokens than any call has.")
    return cost(usage, tariff.at(session.now.timestamp(), usage.service_tier))


def _prompt(messages: Sequence[Any]) -> int:
    return PER_PROMPT + sum(PER_MESSAGE + _words(one) for one in messages)


def _words(message: object) -> int:
    content = message.get("content") if isinstance(message, Mapping) else message
    if isinstance(content, str):
        return estimate_text_tokens(content)
    if isinstance(content, list):
        return sum(
            estimate_text_tokens(part["text"])
            for part in content
            if isinstance(part, Mapping) and isinstance(part.get("text"), str)
        )
    return 0


SPEND_CALCULATE_ENDPOINTS: tuple[Endpoint, ...] = (
    asking("/spend/calculate", calculate, CalculateBody, CalculateAnswer, EVERYBODY),
    asking("/cost/estimate", estimate, EstimateBody, EstimateAnswer, EVERYBODY),
)
