"""Asks an ASGI application without a socket, so that virtual time stays exact."""

import json
from dataclasses import dataclass

from fastapi import FastAPI


@dataclass(frozen=True)
class Answer:
    status: int
    text: str

    @property
    def json(self):
        return json.loads(self.text)


async def get(application: FastAPI, path: str) -> Answer:
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [], "http_version": "1.1"}
    await application({**scope, "asgi": {"version": "3.0"}, "scheme": "http"}, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    return Answer(sent[0]["status"], body.decode())
