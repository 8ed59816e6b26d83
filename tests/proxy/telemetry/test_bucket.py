"""Records become objects of a bucket, under LiteLLM's names."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import pytest

from pipelines.errors import Denied, Rejected, UpstreamFailed
from pipelines.providers.credentials.sigv4 import AwsKeys
from proxy.config.sinks import Bucket
from proxy.telemetry.bucket import BucketWriter, batch_name, object_name
from proxy.telemetry.callbacks import signer
from tests.fakes.ports import FakeClock
from tests.proxy.telemetry.calls import a_call

BUCKET = Bucket("logs", "eu-central-1", path="llm", keys=AwsKeys("AKIDEXAMPLE", "secret"))
NAME = "llm/2026-10-26/time-07-33-20-500000_call-1.json"


class Store:
    """Keeps objects, and fails as often as it was told to."""

    def __init__(self, *faults: Exception | None) -> None:
        self.objects: dict[str, bytes] = {}
        self.headers: list[Mapping[str, str]] = []
        self._faults = list(faults)

    async def __call__(
        self, url: str, body: bytes, headers: Mapping[str, str], method: str = "POST"
    ) -> bytes:
        fault = self._faults.pop(0) if self._faults else None
        if fault is not None:
            raise fault
        assert method == "PUT"
        self.objects[url] = body
        self.headers.append(headers)
        return b""


def a_writer(store: Store, bucket: Bucket = BUCKET) -> BucketWriter:
    return BucketWriter(bucket, store, signer(bucket, FakeClock()))


async def test_a_call_is_an_object_under_litellms_name() -> None:
    store = Store()
    assert await a_writer(store)([a_call()]) == 0
    [(url, body)] = store.objects.items()
    assert url == f"https://logs.s3.eu-central-1.amazonaws.com/{NAME}"
    assert orjson.loads(body)["id"] == "call-1"
    [headers] = store.headers
    assert headers["Content-Type"] == "application/json"
    assert "Credential=AKIDEXAMPLE/" in headers["Authorization"]
    assert "x-amz-content-sha256" in headers["Authorization"]
    assert "/eu-central-1/s3/aws4_request" in headers["Authorization"]


async def test_a_batch_can_be_one_object_that_is_the_same_at_every_try() -> None:
    bucket = Bucket("logs", "eu-central-1", keys=BUCKET.keys, batches=True)
    store = Store(UpstreamFailed("no"))
    writer, calls = a_writer(store, bucket), [a_call(id="a"), a_call(id="b")]
    with pytest.raises(UpstreamFailed):
        await writer(calls)
    await writer(calls)
    await writer(calls)
    [(url, body)] = store.objects.items()
    assert url.endswith(".ndjson")
    assert [orjson.loads(line)["id"] for line in body.splitlines()] == ["a", "b"]
    assert batch_name(bucket, calls) != batch_name(bucket, calls[:1])


async def test_one_that_is_refused_is_counted_and_a_wrong_key_concerns_all() -> None:
    store = Store(Rejected("no", 400))
    calls = [a_call(id=str(number)) for number in range(20)]
    assert await a_writer(store)(calls) == 1
    assert len(store.objects) == 19
    with pytest.raises(Denied):
        await a_writer(Store(Denied("no")))(calls)


def test_teams_and_keys_can_have_folders() -> None:
    bucket = Bucket("logs", "r", by_team=True, by_key=True)
    name = "Team One/alice's key/2026-10-26/time-07-33-20-500000_call-1.json"
    assert object_name(bucket, a_call()) == name


@pytest.mark.parametrize("alias", ["../../x", "a/../b", "a?b#c%2e", ".."])
def test_a_name_leads_out_of_no_folder(alias: str) -> None:
    bucket = Bucket("logs", "r", path="p", by_team=True)
    name = object_name(bucket, a_call(team_alias=alias))
    assert name.count("/") == 3
    assert name.startswith("p/")
    assert not {"..", "."} & set(name.split("/"))
    assert not set("?#%") & set(name)


async def test_names_are_signed_as_they_are_and_sent_encoded() -> None:
    auth = pytest.importorskip("botocore.auth")
    request_of = pytest.importorskip("botocore.awsrequest").AWSRequest
    bucket = Bucket("logs", "r", endpoint="http://minio:9000", keys=BUCKET.keys, by_team=True)
    store, clock = Store(), FakeClock()
    await BucketWriter(bucket, store, signer(bucket, clock))([a_call(team_alias="Grün & Rot=1")])
    [(url, body)], [headers] = store.objects.items(), store.headers
    assert "/Gr%C3%BCn%20%26%20Rot%3D1/" in url
    signed = request_of("PUT", url, data=body, headers=dict(headers))
    del signed.headers["Authorization"]
    signed.context["timestamp"] = headers["X-Amz-Date"]
    credentials = pytest.importorskip("botocore.credentials").Credentials("AKIDEXAMPLE", "secret")
    checker = auth.S3SigV4Auth(credentials, "s3", "r")
    text = checker.string_to_sign(signed, checker.canonical_request(signed))
    assert headers["Authorization"].endswith(checker.signature(text, signed))
