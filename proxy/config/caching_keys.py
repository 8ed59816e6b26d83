"""The keys of `litellm_settings.cache_params`.

The rule: as LiteLLM's; what belongs to a kind of cache that is not built is known by name, so that
it can be told.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

from proxy.config.fields import (
    Count,
    Flag,
    Names,
    OptionalText,
    Positive,
    Seconds,
    Word,
    one_of,
)
from proxy.config.schema import Section

LOCAL, REDIS = "local", "redis"
NOT_BUILT = (
    "redis-semantic",
    "valkey-semantic",
    "qdrant-semantic",
    "s3",
    "gcs",
    "azure-blob",
    "disk",
)
MODES = ("default_on", "default_off")

_CHATS = frozenset({"chat", "messages", "generate", "generate-array", "cohere-chat", "ollama-chat"})
_TEXTS = frozenset({"completions", "ollama-generate"})
_VECTORS = frozenset(
    {"embeddings", "embed-content", "embed-batch", "ollama-embed", "ollama-embeddings"}
)
CALL_TYPES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "completion": _CHATS,
        "acompletion": _CHATS,
        "text_completion": _TEXTS,
        "atext_completion": _TEXTS,
        "embedding": _VECTORS,
        "aembedding": _VECTORS,
        "rerank": frozenset({"rerank"}),
        "arerank": frozenset({"rerank"}),
        "responses": frozenset({"responses"}),
        "aresponses": frozenset({"responses"}),
        "anthropic_messages": frozenset({"messages"}),
        "transcription": frozenset(),
        "atranscription": frozenset(),
    }
)

# Keys of the kinds that are not built, and those that change nothing here.
OF_OTHERS = frozenset(
    {
        "similarity_threshold",
        "azure_account_url",
        "azure_blob_container",
        "s3_bucket_name",
        "s3_region_name",
        "s3_api_version",
        "s3_use_ssl",
        "s3_verify",
        "s3_endpoint_url",
        "s3_aws_access_key_id",
        "s3_aws_secret_access_key",
        "s3_aws_session_token",
        "s3_config",
        "s3_path",
        "gcs_bucket_name",
        "gcs_path_service_account",
        "gcs_path",
        "redis_semantic_cache_embedding_model",
        "redis_semantic_cache_index_name",
        "valkey_semantic_cache_embedding_model",
        "valkey_semantic_cache_index_name",
        "redis_flush_size",
        "disk_cache_dir",
        "qdrant_api_base",
        "qdrant_api_key",
        "qdrant_collection_name",
        "qdrant_quantization_config",
        "qdrant_semantic_cache_embedding_model",
        "qdrant_semantic_cache_vector_size",
        "semantic_cache_embedding_max_input_tokens",
        "semantic_cache_embedding_timeout",
        "semantic_cache_scope",
        "max_messages",
        "gcp_service_account",
        "gcp_ssl_ca_certs",
        "max_connections",
        "socket_timeout",
        "socket_connect_timeout",
    }
)


class CacheParams(Section):
    """Which cache, where it is, and what goes into it."""

    type: Annotated[str, one_of(LOCAL, REDIS, *NOT_BUILT)] | None = None
    mode: Annotated[str, one_of(*MODES)] | None = None
    ttl: Seconds | None = None
    default_in_memory_ttl: Seconds | None = None
    default_in_redis_ttl: Seconds | None = None
    namespace: Word | None = None
    supported_call_types: Names | None = None
    url: OptionalText = None
    host: OptionalText = None
    port: Positive | None = None
    db: Count | None = None
    username: OptionalText = None
    password: Word | None = None
    redis_startup_nodes: Any = None
    sentinel_nodes: Any = None
    sentinel_password: Word | None = None
    service_name: OptionalText = None
    ssl: Flag | None = None
    ssl_cert_reqs: OptionalText = None
    ssl_ca_certs: OptionalText = None
    ssl_certfile: OptionalText = None
    ssl_keyfile: OptionalText = None
    ssl_check_hostname: Flag | None = None
