"""The description of REST as OpenAPI 3.1, made of the resources' own queries and shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from reporter.operations.table import OPERATIONS
from reporter.version import __version__
from reporter.web.resource import Query, Resource
from reporter.web.wire import AnswerJson

REF = "#/components/schemas/{model}"
PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "where": {"type": "string"},
        "remedy": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail"],
}
# What may go wrong anywhere: query, token, right, host, pace, busy.
PROBLEMS = {
    "400": "The request cannot be read",
    "401": "No token, or a wrong one",
    "403": "The token may not do this",
    "421": "A foreign host name",
    "429": "Too many requests",
    "503": "Busy",
}


def description(resources: Sequence[Resource], base: str) -> dict[str, Any]:
    """The document. Shapes stand once, in `components`."""
    schemas: dict[str, Any] = {"Problem": PROBLEM}
    shown = {f"{base}{resource.path.replace(':path', '')}": resource for resource in resources}
    paths: dict[str, Any] = {path: {"get": _read(one, schemas)} for path, one in shown.items()}
    for operation in OPERATIONS:
        paths[f"{base}/commands/{operation.name}"] = {"post": _command(operation, schemas)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "reporter", "version": __version__, "description": "The figures and the state of a floor."},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _read(resource: Resource, schemas: dict[str, Any]) -> dict[str, Any]:
    parts = [part.strip("{}").removesuffix(":path") for part in resource.path.split("/") if part.startswith("{")]
    in_path = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in parts]
    answers = {"200": _answer(resource.answer, resource.summary, schemas), "304": {"description": "Not modified"}}
    return {
        "summary": resource.summary,
        "operationId": resource.handler.__name__,
        "parameters": [*in_path, *_parameters(resource.query)],
        "responses": {**answers, **_problems("404" if parts or resource.single else "")},
    }


def _command(operation: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    body = operation.arguments.model_json_schema(ref_template=REF)
    schemas.update(body.pop("$defs", {}))
    return {
        "summary": f"{operation.help} (role: {operation.role})",
        "operationId": f"command_{operation.name}",
        "requestBody": {"content": {"application/json": {"schema": body}}},
        "responses": {
            "200": _answer(AnswerJson, "The answer as lines of text", schemas),
            **_problems("409", "413", "422"),
        },
    }


def _answer(shape: type[Any], summary: str, schemas: dict[str, Any]) -> dict[str, Any]:
    found = TypeAdapter(shape).json_schema(ref_template=REF)
    schemas.update(found.pop("$defs", {}))
    schemas[shape.__name__] = found
    reference = {"$ref": REF.format(model=shape.__name__)}
    return {"description": summary, "content": {"application/json": {"schema": reference}}}


def _parameters(query: type[Query]) -> list[dict[str, Any]]:
    properties = query.model_json_schema(by_alias=True).get("properties", {})
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": schema.pop("description", ""),
            "schema": {key: value for key, value in schema.items() if key != "title"},
        }
        for name, schema in properties.items()
    ]


def _problems(*more: str) -> dict[str, Any]:
    said = {**PROBLEMS, **{code: "The request cannot be answered" for code in more if code}}
    content = {"application/problem+json": {"schema": {"$ref": REF.format(model="Problem")}}}
    return {code: {"description": text, "content": content} for code, text in sorted(said.items())}
