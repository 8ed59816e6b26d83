"""Which models the caller may use.

The rule: answered from memory; a wildcard is filled in with what its provider lists, as far as that
is known in time.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from pipelines.errors import GatewayError, UnknownModel
from pipelines.exchange import Principal
from pipelines.keys import LITELLM_HEADER, presented_secret, refusal
from proxy.http.plain import JsonReply, error_reply, model_entry, model_list
from proxy.runtime import Runtime

DISCOVERY_TIME = 0.8


class Models:
    """Lists the models, and answers for each of them."""

    def __init__(self, current: Callable[[], Runtime]) -> None:
        self._current = current

    async def index(self, request: Request) -> Response:
        """OpenAI's list of what the caller may use."""
        try:
            _, names = await known_models(self._current(), request)
            return JsonReply(model_list(names))
        except GatewayError as error:
            return error_reply(error)

    async def one(self, request: Request) -> Response:
        """One model, or 404."""
        name = request.path_params["model"]
        try:
            runtime = self._current()
            principal, names = await known_models(runtime, request)
            if not principal.may_use(name) or not (name in names or runtime.routes.find(name)):
                raise UnknownModel(name, names)
            return JsonReply(model_entry(name))
        except GatewayError as error:
            return error_reply(error)


async def known_models(runtime: Runtime, request: Request) -> tuple[Principal, list[str]]:
    """Who asks, and the names of the models that it may use. Raises Unauthenticated, Forbidden and
    StoreUnavailable."""
    principal = await find_principal(runtime, request)
    party = runtime.parties.of_headers(request.scope["headers"])
    if party is not None and runtime.users is not None:
        principal = await runtime.users.joined(principal, party)
    names = list(runtime.routes.names)
    if runtime.routes.wildcards and runtime.settings.discover_models:
        names += await runtime.discovery.models(within=DISCOVERY_TIME)
    names += [*principal.aliases, *principal.team_aliases]
    return principal, [name for name in dict.fromkeys(names) if principal.may_use(name)]


async def find_principal(runtime: Runtime, request: Request) -> Principal:
    """Who sends this request. Raises Unauthenticated."""
    header = runtime.settings.key_header
    secret = presented_secret(
        request.scope["headers"], header.lower().encode() if header else LITELLM_HEADER
    )
    principal = await runtime.keys.find(secret)
    if principal is None:
        raise refusal(secret)
    return principal
