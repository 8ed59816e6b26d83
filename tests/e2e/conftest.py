"""The gateway that most tests share: built-in mock models, and a faulty provider behind it.

The rule: one gateway a module; what a test needs to be different, it starts by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.configs import shared
from tests.e2e.gateway import Gateway, running
from tests.e2e.provider import Provider, provider_thread


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the module's gateway."""
    return tmp_path_factory.mktemp("gateway")


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """A provider that fails as the model's name tells it."""
    with provider_thread() as found:
        yield found


@pytest.fixture(scope="module")
def gateway(provider: Provider, folder: Path) -> Iterator[Gateway]:
    """The shared gateway: `demo` and `mock/…` are built in, `faulty/…` is the provider's."""
    with running(folder, shared(provider.url)) as found:
        yield found
