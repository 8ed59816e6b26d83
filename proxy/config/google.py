"""Finds out how Vertex AI is paid and where it is: account, project and location.

The rule: what the file says wins over the environment, and that over what the account's own file
names; nobody is asked before there is a call.
Source: https://docs.cloud.google.com/vertex-ai/generative-ai/docs/learn/locations
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.provider import Credential, Provider
from pipelines.providers.credentials.tokens import TokenBearer
from proxy.config.environment import first_set
from proxy.config.google_auth import NoGoogle, account
from proxy.config.schema import LitellmParams

__all__ = ["SCHEME", "NoGoogle", "base_of", "credential_of"]

SCHEME = "google"
PROJECTS = ("VERTEXAI_PROJECT", "VERTEX_PROJECT", "GOOGLE_CLOUD_PROJECT")
LOCATIONS = ("VERTEXAI_LOCATION", "VERTEX_LOCATION")
CREDENTIALS = ("VERTEXAI_CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS")
DEFAULT_LOCATION = "us-central1"
EVERYWHERE = "global"

_HOST = "https://aiplatform.googleapis.com"
_PROJECT = re.compile(r"[a-z0-9](?:[a-z0-9.:-]*[a-z0-9])?")
_LOCATION = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")
# These are served from everywhere and from no region.
# https://docs.cloud.google.com/vertex-ai/generative-ai/docs/models/gemini/3-pro
_GLOBAL_ONLY = re.compile(r"(?:.*/)?gemini-[3-9]")


def credential_of(
    provider: Provider, params: LitellmParams, env: Mapping[str, str], base: str, secret: str
) -> Credential:
    """The credential of a deployment. Raises NoGoogle."""
    return TokenBearer(account(_info(params, env)), time.monotonic)


def base_of(provider: Provider, params: LitellmParams, env: Mapping[str, str], given: str) -> str:
    """The address of a project's models; `given` is the one of the file, if it names one.

    Raises NoGoogle.
    """
    if "/projects/" in given:
        return given
    location = _named(params.vertex_location, env, LOCATIONS)
    if location is None:
        location = EVERYWHERE if _GLOBAL_ONLY.match(params.model) else DEFAULT_LOCATION
    if _LOCATION.fullmatch(location) is None:
        raise NoGoogle("vertex_location: expected a name such as us-central1 or global")
    version = provider.base_url.rpartition("/")[2]
    base = given or _host(location)
    if not base.endswith(("/v1", "/v1beta1")):
        base = f"{base}/{version}"
    return f"{base}/projects/{_project(params, env)}/locations/{location}"


def _host(location: str) -> str:
    if location == EVERYWHERE:
        return _HOST
    if "-" not in location:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


def _project(params: LitellmParams, env: Mapping[str, str]) -> str:
    project = _named(params.vertex_project, env, PROJECTS)
    if project is None:
        info = _info(params, env) or {}
        project = info.get("project_id") or info.get("quota_project_id")
    if project is None:
        raise NoGoogle("no project for Vertex AI: set vertex_project or VERTEXAI_PROJECT")
    if not isinstance(project, str) or _PROJECT.fullmatch(project) is None:
        raise NoGoogle("vertex_project: expected the id of a Google Cloud project")
    return project


def _named(own: str | None, env: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    found = first_set(env, names)
    return own or (found[1] if found else None)


def _info(params: LitellmParams, env: Mapping[str, str]) -> Mapping[str, Any] | None:
    """The account of the file or of the environment: JSON, or the path of a file with JSON."""
    given: object = params.vertex_credentials
    if isinstance(given, Mapping):
        return given
    key = "vertex_credentials"
    if not given:
        found = first_set(env, CREDENTIALS)
        if found is None:
            return None
        key, given = found
    text = str(given).strip()
    try:
        if not text.startswith("{"):
            text = Path(text).expanduser().read_text("utf-8")
        info = json.loads(text)
    except OSError as error:
        raise NoGoogle(f"{key}: the file cannot be read: {error.strerror}") from None
    except ValueError:
        raise NoGoogle(f"{key}: expected the JSON of an account, or its file") from None
    if not isinstance(info, dict):
        raise NoGoogle(f"{key}: expected the JSON of an account, or its file")
    return info
