"""Objects in an S3 bucket.

S3 gives what the contract asks for by itself: whole objects, reads that see the last write,
conditions on PutObject and CompleteMultipartUpload, lists in the order of UTF-8 bytes. The SDK
sends a checksum with every body, which S3 compares with what arrived. Parts of an upload that was
cut off without an abort (a killed function) cost storage until the bucket's lifecycle rule
removes them.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from tallybrook.errors import ConflictError, NotFoundError, StorageError, TooLargeError
from tallybrook.ports.aws.clients import client, error_code, translated
from tallybrook.ports.objects import (
    MAX_GET_BYTES,
    PART_BYTES,
    Found,
    Head,
    check_conditions,
    check_key,
    check_metadata,
    pieces,
)

MAX_COPY_BYTES = 5 << 30
"""What one CopyObject may copy; above it, part by part."""

_PARTS_OF_A_SIZE = 1000
_RESUMES = 3
_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
_REFUSED = frozenset({"412", "PreconditionFailed"})
_UNDECIDED = "ConditionalRequestConflict"
_BROKEN = (HTTPError, OSError, BotoCoreError)


class S3Objects:
    """``ports.objects.Objects`` over one bucket."""

    def __init__(
        self, bucket: str, *, part_bytes: int = PART_BYTES, max_copy_bytes: int = MAX_COPY_BYTES
    ) -> None:
        self._bucket = bucket
        self._part_bytes, self._max_copy_bytes = part_bytes, max_copy_bytes
        self._s3 = client("s3")

    def put(
        self,
        key: str,
        body: bytes | Iterable[bytes],
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
        create_only: bool = False,
        if_match: str | None = None,
    ) -> str:
        about = {"ContentType": content_type, "Metadata": check_metadata(metadata)}
        check_conditions(create_only=create_only, if_match=if_match)
        condition = {"IfNoneMatch": "*"} if create_only else {}
        condition |= {"IfMatch": f'"{if_match}"'} if if_match is not None else {}
        parts = _regrouped(pieces(body), self._part_bytes)
        first, second = next(parts, b""), next(parts, None)
        name = self._name(key)
        try:
            if second is not None:
                whole = _again(first, second, parts)
                return self._in_parts(key, about, condition, whole)
            with self._calling("put", key):
                return _etag(self._s3.put_object(**name, **about, **condition, Body=first))
        except NotFoundError as error:
            if if_match is None:
                raise
            raise ConflictError(f"{key} is not there") from error

    def get(self, key: str, max_bytes: int = MAX_GET_BYTES) -> bytes | None:
        try:
            opened = self._opened(key)
        except NotFoundError:
            return None
        size = int(opened["ContentLength"])
        if size > max_bytes:
            opened["Body"].close()
            raise TooLargeError(f"{key} has {size} bytes, over {max_bytes}")
        return b"".join(self._resumed(key, opened, 1 << 20))

    def stream(self, key: str, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        return self._resumed(key, self._opened(key), chunk_bytes)

    def head(self, key: str) -> Head | None:
        try:
            with self._calling("head", key):
                found = self._s3.head_object(**self._name(key))
        except NotFoundError:
            return None
        return Head(
            key, int(found["ContentLength"]), _etag(found), _us(found["LastModified"]),
            found.get("ContentType", "application/octet-stream"), found.get("Metadata", {}),
        )  # fmt: skip

    def page(self, prefix: str = "", after: str = "", limit: int = 1000) -> list[Found]:
        found: list[Found] = []
        while len(found) < limit:
            request = {"Prefix": prefix, "MaxKeys": min(1000, limit - len(found))}
            start = found[-1].key if found else after
            with self._calling("list", prefix):
                answer = self._s3.list_objects_v2(
                    Bucket=self._bucket, **request, **({"StartAfter": start} if start else {})
                )
            found += [_found(item) for item in answer.get("Contents", ())]
            if not answer["IsTruncated"]:
                break
        return found

    def copy(self, source: str, target: str) -> str:
        head = self.head(source)
        if head is None:
            raise NotFoundError(f"no object {source}")
        origin = {"Bucket": self._bucket, "Key": source}
        # The etag holds all of it to the one version whose type and metadata were read.
        same = {"CopySource": origin, "CopySourceIfMatch": f'"{head.etag}"'}
        if head.size_bytes <= self._max_copy_bytes:
            with self._calling("copy", source):
                copied = self._s3.copy_object(**self._name(target), **same)
            return _etag(copied["CopyObjectResult"])
        about = {"ContentType": head.content_type, "Metadata": dict(head.metadata)}
        with self._upload(target, about) as (upload, parts):
            for number, at in enumerate(range(0, head.size_bytes, self._max_copy_bytes), 1):
                last = min(at + self._max_copy_bytes, head.size_bytes) - 1
                copied = self._s3.upload_part_copy(
                    **upload, **same, PartNumber=number, CopySourceRange=f"bytes={at}-{last}"
                )
                parts.append(_part(number, copied["CopyPartResult"]))
            return _etag(self._complete(upload, parts, {}))

    def delete(self, key: str) -> None:
        with self._calling("delete", key):
            self._s3.delete_object(**self._name(key))

    def _name(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": check_key(key)}

    def _opened(self, key: str, **more: str) -> dict[str, Any]:
        with self._calling("get", key):
            return dict(self._s3.get_object(**self._name(key), **more))

    def _resumed(self, key: str, opened: dict[str, Any], chunk_bytes: int) -> Iterator[bytes]:
        """The content; where the connection breaks, the rest of the same version is asked for."""
        at, size, resumes = 0, int(opened["ContentLength"]), 0
        match = f'"{_etag(opened)}"'
        while True:
            try:
                for piece in opened["Body"].iter_chunks(chunk_bytes):
                    at += len(piece)
                    yield piece
            except _BROKEN as error:
                if resumes == _RESUMES:
                    raise StorageError(f"get {key}: {error}") from error
            if at >= size:
                return
            resumes += 1
            opened = self._opened(key, Range=f"bytes={at}-", IfMatch=match)

    def _in_parts(
        self, key: str, about: dict[str, Any], condition: dict[str, str], body: Iterator[bytes]
    ) -> str:
        with self._upload(key, about) as (upload, parts):
            for number, piece in enumerate(body, 1):
                sent = self._s3.upload_part(**upload, PartNumber=number, Body=piece)
                parts.append(_part(number, sent))
            return _etag(self._complete(upload, parts, condition))

    @contextmanager
    def _upload(
        self, key: str, about: dict[str, Any]
    ) -> Iterator[tuple[dict[str, str], list[dict[str, Any]]]]:
        """An upload in parts, given up when the block raises, whatever it was."""
        name = self._name(key)
        with self._calling("put", key):
            started = self._s3.create_multipart_upload(**name, **about)
            upload = {**name, "UploadId": started["UploadId"]}
            try:
                yield upload, []
            except BaseException:
                with suppress(ClientError, BotoCoreError):  # then the lifecycle rule removes it
                    self._s3.abort_multipart_upload(**upload)
                raise

    def _complete(
        self, upload: dict[str, str], parts: list[dict[str, Any]], condition: dict[str, str]
    ) -> dict[str, Any]:
        return dict(
            self._s3.complete_multipart_upload(
                **upload, **condition, MultipartUpload={"Parts": parts}
            )
        )

    @contextmanager
    def _calling(self, doing: str, key: str) -> Iterator[None]:
        with translated(f"{doing} s3://{self._bucket}/{key}"):
            try:
                yield
            except ClientError as error:
                code = error_code(error)
                if code in _ABSENT:
                    raise NotFoundError(f"no object {key}") from error
                if code == _UNDECIDED:
                    raise StorageError(f"{key} is being written by another") from error
                if code in _REFUSED:
                    raise ConflictError(f"{key} is not as the condition wants it") from error
                raise


def _regrouped(body: Iterator[bytes], part_bytes: int) -> Iterator[bytes]:
    """The body in parts of a size; later ones are larger, as there may be 10 000 at most."""
    held, done = bytearray(), 0
    for piece in body:
        held += piece
        while len(held) > (size := part_bytes * (1 + done // _PARTS_OF_A_SIZE)):
            yield bytes(held[:size])
            del held[:size]
            done += 1
    if held:
        yield bytes(held)


def _again(first: bytes, second: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield second
    yield from rest


def _part(number: int, sent: Mapping[str, Any]) -> dict[str, Any]:
    """A part as completing wants it: its etag, and its checksum where the service gave one."""
    sums = {name: value for name, value in sent.items() if name.startswith("Checksum")}
    return {"PartNumber": number, "ETag": sent["ETag"], **sums}


def _found(item: Mapping[str, Any]) -> Found:
    return Found(item["Key"], int(item["Size"]), _etag(item), _us(item["LastModified"]))


def _etag(answer: Mapping[str, Any]) -> str:
    return str(answer["ETag"]).strip('"')


def _us(instant: Any) -> int:
    return int(instant.timestamp() * 1_000_000)
