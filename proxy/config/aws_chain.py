"""The usual chain of AWS credentials, with profiles and roles, by way of Amazon's own library.

The rule: whatever may ask a file, a process or a token service runs in a thread, never on the loop;
keys that are good for a while are handed out without one.
Source: https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from pipelines.errors import Denied
from pipelines.providers.credentials.sigv4 import AwsKeys

MISSING = (
    "no AWS credential: set AWS_BEARER_TOKEN_BEDROCK or an access key, or install the usual "
    "credential chain with: pip install 'headgate[bedrock]'"
)
NONE = "no AWS credential: set AWS_BEARER_TOKEN_BEDROCK or an access key"
SESSION_NAME = "headgate"
LIBRARY = ("session", "credentials", "exceptions")


class NoAws(Exception):
    """Nothing is there to pay Amazon with; the message says what to set."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role to take on; `token` is a web identity's, or the name of a file that holds it, and
    `service` the address of another token service."""

    arn: str
    session: str = ""
    external_id: str = ""
    token: str = ""
    service: str = ""


Keys = Callable[[], Awaitable[AwsKeys]]


def chain(profile: str | None, role: Role | None, own: AwsKeys | None, region: str) -> Keys:
    """Where keys come from: `own` or the chain's, and with a role the role's. Raises NoAws."""
    try:
        session_of, made, failures = (import_module(f"botocore.{name}") for name in LIBRARY)
    except ImportError:
        raise NoAws(MISSING) from None
    session: Any = session_of.Session(profile=profile)
    try:
        if own is not None:
            source = made.Credentials(own.id, own.secret, own.token or None)
        elif role is not None and role.token:
            source = None
        else:
            source = session.get_credentials()
    except failures.BotoCoreError as error:
        raise NoAws(f"no AWS credential: {error}") from None
    if source is None and (role is None or not role.token):
        raise NoAws(NONE)
    if role is not None:
        source = _assumed(made, session, source, role, region)
    return _reader(source, (failures.BotoCoreError, failures.ClientError, OSError, RuntimeError))


def _assumed(made: Any, session: Any, source: Any, role: Role, region: str) -> Any:
    def client(service: str, **options: Any) -> Any:
        place = {"region_name": region, "endpoint_url": role.service or None}
        return session.create_client(service, **{**place, **options})

    extra = {"RoleSessionName": role.session or SESSION_NAME}
    if role.external_id:
        extra["ExternalId"] = role.external_id
    if role.token:
        fetcher = made.AssumeRoleWithWebIdentityCredentialFetcher(
            client_creator=client,
            web_identity_token_loader=lambda: _token(role.token),
            role_arn=role.arn,
            extra_args=extra,
        )
    else:
        fetcher = made.AssumeRoleCredentialFetcher(
            client_creator=client, source_credentials=source, role_arn=role.arn, extra_args=extra
        )
    return made.DeferredRefreshableCredentials(
        refresh_using=fetcher.fetch_credentials, method="assume-role"
    )


def _token(given: str) -> str:
    return Path(given).read_text("utf-8").strip() if given.startswith("/") else given


def _reader(credentials: Any, failures: tuple[type[Exception], ...]) -> Keys:
    stale = getattr(credentials, "refresh_needed", None)

    def read() -> AwsKeys:
        frozen = credentials.get_frozen_credentials()
        return AwsKeys(frozen.access_key, frozen.secret_key, frozen.token or "")

    async def keys() -> AwsKeys:
        if stale is None or not stale():
            return read()
        try:
            return await to_thread(read)
        except failures as error:
            raise Denied(
                f"The gateway has no valid AWS credential ({type(error).__name__}). The operator "
                "of the gateway needs to check the profile or the role of this model."
            ) from error

    return keys
