"""The names of ASGI's types (https://asgi.readthedocs.io).

The rule: types and names only, nothing that runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

Watch = Callable[[Callable[[], None]], None]

# Our server's extension of the scope: a Watch, which calls back when the client leaves early.
LEFT = "headgate.left"
