"""Runs cells of the matrix: one client, whole or streamed, against one recording.

The rule: one gateway for all of them; a cell passes only where the SDK reads everything that the
recording holds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import anthropic
import cohere
import httpx
import ollama
import openai
from cohere.core.api_error import ApiError
from google import genai
from google.genai import types

from tests.e2e.gateway import KEY, running
from tests.matrix import readers_openai, readers_others
from tests.matrix.excused import excuse
from tests.matrix.meaning import Meaning, differences
from tests.matrix.replay import replaying
from tests.matrix.subjects import Subject

WORKERS = 6
PATIENCE = 30.0

Reader = Callable[[Any, str], Meaning]


@dataclass(frozen=True, slots=True)
class Cell:
    """One client, one way of asking, one recording."""

    client: str
    streaming: bool
    subject: Subject

    @property
    def name(self) -> str:
        """How it is called in reports."""
        return f"{self.client} {'streamed' if self.streaming else 'whole'} {self.subject.id}"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a cell: nothing is told where it passed; `excuse` says why it could not."""

    cell: Cell
    told: list[str]

    @property
    def excuse(self) -> str:
        """Why this cell cannot pass, or the empty string."""
        subject = self.cell.subject
        name = subject.recording.name
        return excuse(self.cell.client, name, subject.wanted, self.told) if self.told else ""


def _openai(url: str) -> Any:
    return openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0, timeout=PATIENCE)


def _anthropic(url: str) -> Any:
    return anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0, timeout=PATIENCE)


def _gemini(url: str) -> Any:
    return genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=url))


def _cohere(url: str) -> Any:
    http = httpx.Client(timeout=PATIENCE)
    return cohere.ClientV2(api_key=KEY, base_url=url, httpx_client=http)


def _ollama(url: str) -> Any:
    return ollama.Client(host=url, headers={"Authorization": f"Bearer {KEY}"}, timeout=PATIENCE)


CLIENTS: MappingProxyType[str, tuple[Callable[[str], Any], Reader, Reader]] = MappingProxyType(
    {
        "openai-chat": (_openai, readers_openai.chat_whole, readers_openai.chat_streamed),
        "openai-responses": (
            _openai,
            readers_openai.responses_whole,
            readers_openai.responses_streamed,
        ),
        "anthropic": (
            _anthropic,
            readers_others.anthropic_whole,
            readers_others.anthropic_streamed,
        ),
        "gemini": (_gemini, readers_others.gemini_whole, readers_others.gemini_streamed),
        "ollama": (_ollama, readers_others.ollama_whole, readers_others.ollama_streamed),
        "cohere": (_cohere, readers_others.cohere_whole, readers_others.cohere_streamed),
    }
)
BROKEN = (
    openai.APIError,
    anthropic.APIError,
    genai.errors.APIError,
    ApiError,
    httpx.HTTPError,
    ollama.ResponseError,
)


class Matrix:
    """The gateway's address, and a client of each kind for each thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._kept = threading.local()
        self._open: list[Any] = []

    def read(self, cell: Cell) -> Result:
        """Run one cell."""
        make, whole, streamed = CLIENTS[cell.client]
        if not hasattr(self._kept, cell.client):
            setattr(self._kept, cell.client, make(self._url))
            self._open.append(getattr(self._kept, cell.client))
        client = getattr(self._kept, cell.client)
        reader = streamed if cell.streaming else whole
        try:
            found = reader(client, cell.subject.id)
        except BROKEN as error:
            found = Meaning(failure=f"{type(error).__name__}: {error}")
        except Exception as error:
            return Result(cell, [f"the SDK failed: {type(error).__name__}: {error}"])
        return Result(cell, differences(cell.subject.wanted, found))

    def close(self) -> None:
        """Close every client."""
        for one in self._open:
            # Cohere's client is the owner of nothing that it could close.
            wrapped = getattr(one, "_client_wrapper", None)
            (wrapped.httpx_client.httpx_client if wrapped else one).close()

    def run(self, cells: Iterable[Cell]) -> Iterator[Result]:
        """Run them all, several at a time."""
        with ThreadPoolExecutor(WORKERS) as pool:
            yield from pool.map(self.read, cells)


def cells_of(clients: Iterable[str], found: Iterable[Subject], crossed: bool) -> Iterator[Cell]:
    """The cells: each client asks as the recording was, and where `crossed` the other way too."""
    for subject in found:
        for client in clients:
            yield Cell(client, subject.streamed, subject)
            # Nobody gets Google's array for a call that asks for no stream.
            if crossed and not subject.recording.whole.lstrip().startswith(b"["):
                yield Cell(client, not subject.streamed, subject)


def configuration(url: str, found: Iterable[Subject]) -> dict[str, Any]:
    """The gateway's configuration: a deployment for each recording, by its provider's own row."""
    models = [
        {
            "model_name": one.id,
            "litellm_params": {
                "model": f"{one.row}/{one.id}",
                "api_base": url,
                "api_key": "sk-of-the-provider",
                "drop_params": True,
            },
        }
        for one in found
    ]
    return {
        "model_list": models,
        "general_settings": {"master_key": KEY},
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }


@contextmanager
def matrix(folder: Path, found: tuple[Subject, ...]) -> Iterator[Matrix]:
    """A matrix whose provider and gateway run inside the block."""
    with ExitStack() as stack:
        url = stack.enter_context(replaying({one.id: one for one in found}))
        gateway = stack.enter_context(running(folder, configuration(url, found)))
        cells = Matrix(gateway.url)
        stack.callback(cells.close)
        yield cells
