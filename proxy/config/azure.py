"""Finds out how Azure is paid: by a key, by a token, or by tokens of Microsoft Entra ID.

The rule: a key wins over all, as in LiteLLM; what the file says wins over the environment, and an
application's own secret over a token that will run out.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from pipelines.provider import Credential, Provider
from pipelines.providers.credentials.bearer import Bearer
from pipelines.providers.credentials.entra import AUTHORITY, SCOPE, Application, Entra
from pipelines.providers.credentials.header import Header
from pipelines.providers.credentials.tokens import TokenBearer
from proxy.config.schema import LitellmParams
from proxy.config.token_service import post

SCHEME = "azure"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class NoAzure(Exception):
    """Nothing is there to pay Azure with; the message says what to set."""


def credential_of(
    provider: Provider, params: LitellmParams, env: Mapping[str, str], base: str, secret: str
) -> Credential:
    """The credential of a deployment. Raises NoAzure."""
    named = any((params.tenant_id, params.client_id, params.client_secret, params.azure_ad_token))
    if secret and (params.api_key is not None or not named):
        return Header(provider.credential.header, secret)
    application = _application(params, env)
    if application is not None:
        return TokenBearer(Entra(application, post).fetch, time.monotonic)
    token = params.azure_ad_token or env.get("AZURE_AD_TOKEN", "").strip()
    if token.startswith("oidc/"):
        raise NoAzure("azure_ad_token: tokens of an OIDC provider are not supported")
    if token:
        return Bearer(token)
    names = " or ".join(provider.credential.env)
    raise NoAzure(
        f"no key for {provider.title}: set api_key here, or {names}, or all of tenant_id, "
        "client_id and client_secret"
    )


def _application(params: LitellmParams, env: Mapping[str, str]) -> Application | None:
    def named(own: str | None, name: str) -> str:
        return own or env.get(name, "").strip()

    tenant = named(params.tenant_id, "AZURE_TENANT_ID")
    client = named(params.client_id, "AZURE_CLIENT_ID")
    secret = named(params.client_secret, "AZURE_CLIENT_SECRET")
    if not (tenant and client and secret):
        return None
    authority = env.get("AZURE_AUTHORITY_HOST", "").strip() or AUTHORITY
    if "://" not in authority:
        authority = f"https://{authority}"
    parts = urlsplit(authority)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise NoAzure("AZURE_AUTHORITY_HOST: expected an address of https")
    scope = named(params.azure_scope, "AZURE_SCOPE") or SCOPE
    return Application(tenant, client, secret, scope, authority)
