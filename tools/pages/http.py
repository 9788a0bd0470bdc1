"""docs/reference/http.md from the OpenAPI document that the server serves."""

from collections.abc import Iterator
from typing import Any

from tallybrook.entrypoints.server import openapi
from tools.pages.markdown import cell, code, table

METHODS = ("get", "put", "post", "delete", "patch")
INTRO = """# HTTP

The same as `/openapi.json`, which a running server serves, and `/docs`, where it can be browsed.
Bodies are JSON unless a route says otherwise. Send a key as `Authorization: Bearer KEY` or
`X-API-Key: KEY` ([accounts and keys](../concepts/accounts.md)). Every error is a problem document
([errors](errors.md)).

"""


def resolved(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """The node itself, or what its ``$ref`` points at."""
    while "$ref" in node:
        target: Any = document
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


def type_name(schema: dict[str, Any]) -> str:
    """A short name of a schema: what a reader needs to fill in a parameter."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "enum" in schema:
        return " or ".join(code(value) for value in schema["enum"])
    for key in ("anyOf", "oneOf"):
        if key in schema and "type" not in schema:
            return " or ".join(type_name(option) for option in schema[key])
    kinds = schema.get("type", "any")
    names = [str(kind) for kind in (kinds if isinstance(kinds, list) else [kinds])]
    if names == ["array"]:
        # A tuple says what each place holds, and that there are no others.
        items = schema.get("items") or (schema.get("prefixItems") or [{}])[0]
        return f"list of {type_name(items)}"
    return " or ".join(schema.get("format", kind) if kind == "string" else kind for kind in names)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                shared = item.get("parameters", [])
                operation = item[method]
                merged = {**operation, "parameters": shared + operation.get("parameters", [])}
                yield path, method.upper(), merged


def parameters(document: dict[str, Any], operation: dict[str, Any]) -> str:
    rows = []
    for node in operation["parameters"]:
        parameter = resolved(document, node)
        needed = "required" if parameter.get("required") else ""
        kind = type_name(parameter.get("schema", {}))
        text = parameter.get("description", "")
        rows.append((code(parameter["name"]), parameter["in"], kind, needed, text))
    return table(["parameter", "in", "type", "", "meaning"], rows) + "\n" if rows else ""


def fields(schema: dict[str, Any]) -> str:
    """The table of an object's fields."""
    required = schema.get("required", [])
    rows = [
        (
            code(name),
            type_name(node),
            "required" if name in required else "",
            node.get("description", ""),
        )
        for name, node in schema.get("properties", {}).items()
    ]
    return table(["field", "type", "", "meaning"], rows) + "\n" if rows else ""


def alternatives(schema: dict[str, Any]) -> str:
    """What ``anyOf`` adds to an object: one of some fields."""
    options = [" and ".join(map(code, one.get("required", []))) for one in schema.get("anyOf", [])]
    return f"Needs {' or '.join(filter(None, options))}.\n\n" if any(options) else ""


def body(document: dict[str, Any], operation: dict[str, Any]) -> str:
    request = resolved(document, operation.get("requestBody", {}))
    content = request.get("content", {})
    if not content:
        return ""
    text = f"Body: {' or '.join(map(code, content))}.\n\n"
    for media in content.values():
        schema = media.get("schema", {})
        text += fields(resolved(document, schema)) + alternatives(schema)
    return text


def answer(document: dict[str, Any], status: str, node: dict[str, Any]) -> str:
    """A status with what its body is. No phrases: they differ between versions of Python."""
    for media, content in resolved(document, node).get("content", {}).items():
        if "schema" not in content:
            return f"{status} ({code(media)})"
        name = type_name(content["schema"])
        return f"{status} ([{name}](#{name.lower()}))" if "$ref" in content["schema"] else status
    return status


def responses(document: dict[str, Any], operation: dict[str, Any]) -> str:
    found = sorted(operation.get("responses", {}).items())
    good = [answer(document, status, node) for status, node in found if status < "4"]
    bad = [status for status, _ in found if status >= "4"]
    refusals = f" Errors: {', '.join(bad)}." if bad else ""
    return f"Answers {', '.join(good)}.{refusals}\n\n"


def section(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> str:
    texts = [operation.get(key, "").strip().rstrip(".") for key in ("summary", "description")]
    prose = ". ".join(filter(None, texts))
    return (
        f"## {method} {path}\n\n{prose}.\n\n"
        + parameters(document, operation)
        + body(document, operation)
        + responses(document, operation)
    )


def schemas(document: dict[str, Any]) -> str:
    text = "## Bodies of answers\n\n"
    for name, schema in sorted(document.get("components", {}).get("schemas", {}).items()):
        text += f"### {name}\n\n"
        if schema.get("description"):
            text += cell(schema["description"]).replace("``", "`") + "\n\n"
        text += fields(schema)
    return text


def page() -> str:
    document = openapi.document()
    sections = [section(document, *found) for found in operations(document)]
    return INTRO + "".join(sections) + schemas(document)
