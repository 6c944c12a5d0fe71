"""The floor under a REST read: Starlette on uvicorn with one endpoint that does the raw `find_one`. Run as a process."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from pymongo import AsyncMongoClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def app(uri: str, database: str) -> Starlette:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(uri)

    async def read(request: Request) -> Response:
        collection = client[database][request.path_params["type"]]
        found = await collection.find_one({"_id": request.path_params["id"]}, {"json": 1})
        assert found is not None
        return Response(found["json"], media_type="application/fhir+json")

    return Starlette(routes=[Route("/fhir/{type}/{id}", read)])


if __name__ == "__main__":
    address, name, number = sys.argv[1:]
    uvicorn.run(app(address, name), port=int(number), log_level="error", access_log=False)
