"""Finds out how Amazon is paid, and where: by a bearer token, an access key, or the usual chain.

The rule: what the file says wins over the environment, and the environment over the chain; an empty
variable counts as none; the library for the chain is loaded only where it is needed.
Source of the order: https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping

from pipelines.provider import Credential, Provider
from pipelines.providers.credentials.sigv4 import AwsKeys, SigV4
from pipelines.providers.load import make_credential
from proxy.config.aws_chain import NoAws, Role, chain
from proxy.config.environment import first_set
from proxy.config.schema import LitellmParams

__all__ = ["NoAws", "bare_name", "credential_of", "placed"]

BEDROCK = "bedrock"
REGION = "AWS_REGION_NAME"
REGIONS = (REGION, "AWS_REGION", "AWS_DEFAULT_REGION")
SERVICE = "bedrock"
# How LiteLLM's names tell which interface to call; Converse serves the models of them all.
ROUTES = ("converse/", "converse_like/", "invoke/")

_REGION = r"[a-z]{2}(?:-[a-z]+)+-\d"
_REGION_OF_HOST = re.compile(rf"//bedrock-runtime(?:-fips)?\.({_REGION})\.amazonaws\.com")
_PLACED = re.compile(rf"({_REGION})/")
_ARN = re.compile(rf"arn:aws[a-z-]*:[a-z-]+:({_REGION}):")


def bare_name(name: str) -> str:
    """A model's name at Amazon, without what LiteLLM's spelling puts before it."""
    return _parts(name)[1]


def placed(params: LitellmParams, env: Mapping[str, str]) -> Mapping[str, str]:
    """The environment, with the region that the file names: by its own key, before the model's
    name, or in the ARN that is the name."""
    region = params.aws_region_name or _region_of(params)
    return env if region is None else {**env, REGION: region}


def credential_of(
    provider: Provider, params: LitellmParams, env: Mapping[str, str], base: str, secret: str
) -> Credential:
    """The credential of a deployment at the address `base`. Raises NoAws."""
    if provider.credential.scheme != "sigv4":
        return make_credential(provider.credential, secret)
    own, role = _own_keys(params), _role(params)
    named = own is not None or role is not None or params.aws_profile_name is not None
    if secret and (params.api_key is not None or not named):
        return make_credential(provider.credential, secret)
    region = first_set(placed(params, env), REGIONS)
    found = _REGION_OF_HOST.search(base)
    where = found[1] if found else region[1] if region else "us-east-1"
    if own is None and params.aws_profile_name is None:
        own = _env_keys(env)
    if own is None or role is not None:
        source = chain(params.aws_profile_name, role, own, where)
    else:
        source = _fixed(own)
    return SigV4(source, where, SERVICE, time.time)


def _region_of(params: LitellmParams) -> str | None:
    prefix, _, name = params.model.partition("/")
    if params.custom_llm_provider == BEDROCK and prefix != BEDROCK:
        name = params.model
    elif BEDROCK not in (prefix, params.custom_llm_provider):
        return None
    region, model = _parts(name)
    found = _ARN.match(model)
    return region or (found[1] if found else None)


def _parts(name: str) -> tuple[str | None, str]:
    for route in ROUTES:
        name = name.removeprefix(route)
    found = _PLACED.match(name)
    return (None, name) if found is None else (found[1], name[found.end() :])


def _role(params: LitellmParams) -> Role | None:
    if params.aws_role_name is None:
        return None
    return Role(
        arn=params.aws_role_name,
        session=params.aws_session_name or "",
        external_id=params.aws_external_id or "",
        token=params.aws_web_identity_token or "",
        service=params.aws_sts_endpoint or "",
    )


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
