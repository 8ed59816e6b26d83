"""The rankings of Amazon Bedrock's models: Amazon's own and Cohere's, asked through InvokeModel.

The rule: the documents are not asked for; a client that wants them gets its own back. InvokeModel
serves both vendors at the address of all other calls, so the agents' address is not needed.
Source: https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-use.html
"""

from __future__ import annotations

from typing import Any

from pipelines.deployment import Deployment
from pipelines.dialects.bridge import Interpreter
from pipelines.dialects.losses import Losses
from pipelines.dialects.one_sided import OneSided
from pipelines.dialects.rerank.clients import RerankReader
from pipelines.dialects.rerank.providers import rendered
from pipelines.ranking import Ranked, RerankCall

_KNOWN = frozenset({"max_tokens_per_doc"})
# The least that Cohere's models take: https://github.com/cohere-ai/cohere-python/issues/613
_VERSION = 2


class BedrockRerank(OneSided):
    """`/model/{model}/invoke` with a model of rankings."""

    def render(self, meaning: RerankCall, deployment: Deployment, losses: Losses) -> dict[str, Any]:
        """The body for a provider. Raises Unsupported."""
        cohere = "cohere." in deployment.model
        known = _KNOWN if cohere else frozenset[str]()
        body = rendered(meaning, deployment, losses, "top_n", known)
        del body["model"]
        return {**body, "api_version": _VERSION} if cohere else body

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply."""
        return BedrockReader(provider)


class BedrockReader(RerankReader):
    """Reads `results`, whose scores the agents' interface spells in its own way."""

    def ranked(self, one: object) -> Ranked:
        """One entry. Raises UpstreamFailed where it has no place or no score."""
        if isinstance(one, dict) and "relevanceScore" in one:
            one = {**one, "relevance_score": one["relevanceScore"]}
        return super().ranked(one)


BEDROCK_RERANK = BedrockRerank("bedrock-rerank", "rerank")
