"""Requests to a running server of tests.support.server_app, and the images in their answers."""

from typing import Any

import httpx

from pixstore_asgi import ImageRecord, decode_payload
from pixstore_asgi.core.cipher import unseal
from tests.support.servers import Server


def headers(record: ImageRecord) -> dict[str, str]:
    return {"x-pixstore-proof": record.stateless_proof, "x-pixstore-token": str(record.token)}


def save(server: Server, **query: Any) -> ImageRecord:
    return ImageRecord.parse(httpx.post(f"{server.url}/save", params=query).raise_for_status().json())


def url_of(server: Server, record: ImageRecord) -> str:
    return f"{server.url}/pixstore-image/{record.id.replace(':', '%3A')}"


def image_of(server: Server, record: ImageRecord) -> bytes:
    response = httpx.get(url_of(server, record), headers=headers(record))
    assert int(response.headers["content-length"]) == len(response.content)
    payload = decode_payload(response.content)
    return unseal(key=record.key, iv=record.iv, tag=record.tag, ciphertext=payload.ciphertext)[1]
