"""The domain of the gateway: what a call is and how it travels.

The rule: nothing in here imports a server, a socket or a store; the names below are what a plugin
may import, and no others.
"""

from pipelines.assembly import StageSpec, assemble
from pipelines.cache_keys import sharer
from pipelines.cache_policy import CacheScope
from pipelines.call import Call
from pipelines.chain import Chain
from pipelines.deployment import Deployment
from pipelines.errors import (
    BadCall,
    ClientError,
    ConnectFailed,
    Denied,
    FirstByteTimeout,
    Forbidden,
    GatewayError,
    Overloaded,
    Rejected,
    StreamBroken,
    TooLarge,
    Unauthenticated,
    UnknownModel,
    Unsupported,
    UpstreamError,
    UpstreamFailed,
)
from pipelines.events import Data, End, Event, Flow, Head, Media, Proceed
from pipelines.exchange import Exchange, Principal
from pipelines.operations import CHAT, EMBEDDINGS
from pipelines.ports import Ports
from pipelines.record import Record
from pipelines.registry import StageFactory, stage_factory
from pipelines.stage import Stage
from pipelines.usage import Usage

__all__ = [
    "CHAT",
    "EMBEDDINGS",
    "BadCall",
    "CacheScope",
    "Call",
    "Chain",
    "ClientError",
    "ConnectFailed",
    "Data",
    "Denied",
    "Deployment",
    "End",
    "Event",
    "Exchange",
    "FirstByteTimeout",
    "Flow",
    "Forbidden",
    "GatewayError",
    "Head",
    "Media",
    "Overloaded",
    "Ports",
    "Principal",
    "Proceed",
    "Record",
    "Rejected",
    "Stage",
    "StageFactory",
    "StageSpec",
    "StreamBroken",
    "TooLarge",
    "Unauthenticated",
    "UnknownModel",
    "Unsupported",
    "UpstreamError",
    "UpstreamFailed",
    "Usage",
    "assemble",
    "sharer",
    "stage_factory",
]
