"""What an admin call is refused with, in LiteLLM's two shapes.

The rule: an error says what is wrong and what to do, and never repeats a secret; `detailed` ones
have the shape `{"detail": {"error": …}}`, all others `{"error": {…}}`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from pipelines.errors import ClientError, GatewayError
from proxy.http.plain import JsonReply, error_reply


class Refusal(ClientError):
    """An admin call that cannot be done."""

    status = 400
    type = "bad_request_error"
    detailed = False

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = str(self.status)

    @property
    def body(self) -> dict[str, Any]:
        """What the client reads where the error is a detailed one."""
        return {"detail": {"error": self.message}}


class DetailedRefusal(Refusal):
    """As Refusal, in the shape of those routes of LiteLLM that raise FastAPI's exception."""

    detailed = True


class NotFound(Refusal):
    """There is no such thing, or it is none of the caller's."""

    status = 404
    type = "not_found_error"


class DetailedNotFound(NotFound):
    """As NotFound, in FastAPI's shape."""

    detailed = True


class Conflict(Refusal):
    """There is one already."""

    status = 409
    detailed = True


class NotAllowed(Refusal):
    """The caller is known, but may not do this."""

    status = 403
    type = "auth_error"


class NoDatabase(Refusal):
    """The gateway keeps no entities, so there is nothing to administer."""

    type = "no_db_connection"

    def __init__(self) -> None:
        super().__init__(
            "No database is configured: set general_settings.database_url or DATABASE_URL."
        )


class Malformed(Refusal):
    """A body or query that is not as it must be; `problems` are FastAPI's loc, msg and type."""

    status = 422
    type = "validation_error"
    detailed = True

    def __init__(self, problems: Sequence[dict[str, Any]]) -> None:
        super().__init__("The request is not valid.")
        self.problems = tuple(problems)

    @property
    def body(self) -> dict[str, Any]:
        """FastAPI's list of what is wrong where."""
        return {"detail": list(self.problems)}

    @classmethod
    def at(cls, place: str, message: str, *loc: str | int) -> Malformed:
        """One problem at one place, such as ("body", "…", "team_id")."""
        return cls([{"loc": [place, *loc], "msg": message, "type": "value_error"}])


class MalformedKeys(Malformed):
    """LiteLLM's own answer to a list of keys that is none."""

    def __init__(self) -> None:
        super().__init__(())

    @property
    def body(self) -> dict[str, Any]:
        """LiteLLM's sentence."""
        return {"detail": {"message": "Malformed request. No keys passed in."}}


def refused(error: GatewayError) -> Response:
    """The answer to a call that failed with this error."""
    if isinstance(error, Refusal) and error.detailed:
        return JsonReply(error.body, error.status)
    return error_reply(error)
