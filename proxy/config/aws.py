"""Finds out how Amazon is paid: a bearer token, an access key, or the usual chain of credentials.

The rule: what the file says wins over the environment, and the environment over the chain; an empty
variable counts as none; the library for the chain is loaded only where it is needed.
"""

from __future__ import annotations

import re
import time
from asyncio import to_thread
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any

from pipelines.provider import Credential, Provider
from pipelines.providers.credentials.sigv4 import AwsKeys, SigV4
from pipelines.providers.load import make_credential
from proxy.config.environment import first_set
from proxy.config.schema import LitellmParams

REGION = "AWS_REGION_NAME"
REGIONS = (REGION, "AWS_REGION", "AWS_DEFAULT_REGION")
SERVICE = "bedrock"
MISSING = (
    "no AWS credential: set AWS_BEARER_TOKEN_BEDROCK or an access key, or install the usual "
    "credential chain with: pip install 'headgate[bedrock]'"
)

_REGION_OF_HOST = re.compile(r"//bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com")


class NoAws(Exception):
    """Nothing is there to pay Amazon with; the message says what to set."""


def placed(params: LitellmParams, env: Mapping[str, str]) -> Mapping[str, str]:
    """The environment, with the region that the file names."""
    return env if params.aws_region_name is None else {**env, REGION: params.aws_region_name}


def credential_of(
    provider: Provider, params: LitellmParams, env: Mapping[str, str], base: str, secret: str
) -> Credential:
    """The credential of a deployment at the address `base`. Raises NoAws."""
    if provider.credential.scheme != "sigv4":
        return make_credential(provider.credential, secret)
    own = _own_keys(params)
    if secret and (params.api_key is not None or own is None):
        return make_credential(provider.credential, secret)
    keys = own or _env_keys(env)
    region = first_set(placed(params, env), REGIONS)
    found = _REGION_OF_HOST.search(base)
    where = found[1] if found else region[1] if region else "us-east-1"
    source = _chain() if keys is None else _fixed(keys)
    return SigV4(source, where, SERVICE, time.time)


def _own_keys(params: LitellmParams) -> AwsKeys | None:
    if params.aws_access_key_id is None or params.aws_secret_access_key is None:
        return None
    token = params.aws_session_token or ""
    return AwsKeys(params.aws_access_key_id, params.aws_secret_access_key, token)


def _env_keys(env: Mapping[str, str]) -> AwsKeys | None:
    name, secret = env.get("AWS_ACCESS_KEY_ID"), env.get("AWS_SECRET_ACCESS_KEY")
    return AwsKeys(name, secret, env.get("AWS_SESSION_TOKEN", "")) if name and secret else None


def _fixed(keys: AwsKeys) -> Callable[[], Awaitable[AwsKeys]]:
    async def known() -> AwsKeys:
        return keys

    return known


def _chain() -> Callable[[], Awaitable[AwsKeys]]:
    try:
        botocore: Any = import_module("botocore.session")
    except ImportError:
        raise NoAws(MISSING) from None
    credentials = botocore.get_session().get_credentials()
    if credentials is None:
        raise NoAws("no AWS credential: set AWS_BEARER_TOKEN_BEDROCK or an access key")

    def read() -> AwsKeys:
        frozen = credentials.get_frozen_credentials()
        return AwsKeys(frozen.access_key, frozen.secret_key, frozen.token or "")

    async def renewed() -> AwsKeys:
        return await to_thread(read)

    return renewed
