"""How budgets and rates are kept is read from LiteLLM's keys and our own."""

from __future__ import annotations

from decimal import Decimal

from pipelines.allowance import Allowance, Budget
from pipelines.budgets import BudgetPolicy
from proxy.config.settings import Settings
from proxy.config.spending import nano
from tests.proxy.config.builders import examined, said

MODEL = "model_list: [{model_name: m, litellm_params: {model: mock/m%s}}]\n"


def loaded(text: str = "", params: str = "") -> Settings:
    return examined(MODEL % params + text, {})


def test_without_a_word_of_it_calls_are_clamped_and_budgets_need_their_store() -> None:
    assert loaded().budgets == BudgetPolicy()


def test_our_own_keys_decide() -> None:
    found = loaded(
        "headgate_settings: {over_budget: soft, on_unknown_price: refuse, queue_on_limit: 5,"
        " on_store_failure: {budgets: allow, rates: refuse}}\n"
        "litellm_settings: {budget_exceeded_status_code: 429}"
    ).budgets
    assert (found.over, found.unknown_price, found.queue) == ("soft", "refuse", 5.0)
    assert found.patience == 5.0
    assert (found.budgets_without_store, found.rates_without_store) == ("allow", "refuse")
    assert found.exceeded_status == 429


def test_the_wait_for_a_limit_is_also_the_one_for_held_money() -> None:
    assert loaded("headgate_settings: {queue_on_limit: 0}").budgets.patience == 0
    assert loaded("headgate_settings: {queue_on_limit: 30}").budgets.patience == 30


def test_a_status_that_no_client_understands_is_an_error() -> None:
    text = "litellm_settings: {budget_exceeded_status_code: 500}"
    assert "expected 400, 402, 422, 429" in said(loaded(text), "error")


def test_the_whole_gateway_and_each_provider_may_have_a_budget() -> None:
    found = loaded(
        "litellm_settings: {max_budget: 100, budget_duration: 30d}\n"
        "router_settings: {provider_budget_config: {openai: {budget_limit: 0.5, time_period: 1d}}}"
    ).budgets
    assert found.everyone == (Allowance("global", "Proxy", (Budget(100 * 10**9, "30d"),)),)
    assert found.providers["openai"].budgets == (Budget(5 * 10**8, "1d"),)


def test_a_deployment_may_have_limits_of_its_own() -> None:
    text = ", max_budget: 2, budget_duration: 1mo, max_parallel_requests: 3, rpm: 7"
    one = loaded(params=text).routes.find("m")[0].allowance
    assert one is not None
    assert one.scope.startswith("deployment:")
    assert (one.budgets, one.parallel) == ((Budget(2 * 10**9, "1mo"),), 3)
    # As in LiteLLM, rpm is a weight, until somebody says that it is a limit.
    assert one.rpm is None
    enforced = loaded("headgate_settings: {enforce_deployment_limits: true}", ", rpm: 7")
    limit = enforced.routes.find("m")[0].allowance
    assert limit is not None
    assert limit.rpm == 7
    assert loaded().routes.find("m")[0].allowance is None


def test_a_duration_that_is_none_is_told_where_it_stands() -> None:
    told = said(loaded(params=", max_budget: 2, budget_duration: soon"), "error")
    assert "budget_duration: 'soon' is no duration" in told
    everyone = loaded("litellm_settings: {max_budget: 1, budget_duration: soon}")
    assert "is no duration" in said(everyone, "error")


def test_dollars_become_nano_dollars_exactly() -> None:
    assert nano(Decimal("0.000000001")) == 1
    assert nano(Decimal("12.3456789019")) == 12_345_678_901
