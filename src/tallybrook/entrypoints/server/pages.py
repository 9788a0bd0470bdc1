"""Two pages for people: the API reference, and what each error means. No script, no host."""

from html import escape
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse

from tallybrook import dashboard, errors
from tallybrook.entrypoints.server import openapi

_SHELL = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title} - Tallybrook</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="/assets/favicon.svg">
<link rel="stylesheet" href="/assets/css/docs.css"></head>
<body><header><a href="/">Tallybrook</a> <a href="/docs">API</a>
<a href="/docs/errors">Errors</a> <a href="/openapi.json">openapi.json</a></header>
<main><h1>{title}</h1>{body}</main></body></html>"""


def _html(title: str, body: str) -> HTMLResponse:
    page = _SHELL.format(title=title, body=body)
    return HTMLResponse(page, headers=dict(dashboard.SECURITY_HEADERS))


async def reference(_request: Request) -> HTMLResponse:
    """Every call of the API document, by tag."""
    tags: dict[str, list[str]] = {}
    for path, methods in openapi.document()["paths"].items():
        for method, operation in methods.items():
            part = _operation(path, method.upper(), operation)
            tags.setdefault(operation["tags"][0], []).append(part)
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(parts)}" for tag, parts in tags.items())
    return _html("API", body)


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(p['name'])}</code></td><td>{p['in']}</td>"
        f"<td>{escape(p.get('description', ''))}</td>"
        f"<td><code>{escape(_brief(p['schema']))}</code></td></tr>"
        for p in operation["parameters"]
    )
    table = f"<table>{rows}</table>" if rows else ""
    bodies = "".join(
        f"<p>Body <code>{escape(kind)}</code></p><pre>{escape(_pretty(content['schema']))}</pre>"
        for kind, content in operation.get("requestBody", {}).get("content", {}).items()
    )
    statuses = " ".join(operation["responses"])
    return (
        f"<details><summary><code>{method} {escape(path)}</code> "
        f"{escape(operation['summary'])}</summary>"
        f"<p>{escape(operation.get('description', ''))} Answers: {statuses}</p>{table}{bodies}"
        "</details>"
    )


def _brief(schema: dict[str, Any]) -> str:
    return " | ".join(map(str, schema["enum"])) if "enum" in schema else str(schema.get("type", ""))


def _pretty(schema: dict[str, Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode()


async def errors_page(_request: Request) -> HTMLResponse:
    """What each ``type`` of a problem document means."""
    parts = [
        f'<section id="{escape(kind.slug)}"><h2>{escape(kind.title)}</h2>'
        f"<p><code>{escape(kind.slug)}</code>, HTTP {kind.status}, "
        f"{'may be retried' if issubclass(kind, errors.RetryableError) else 'change the call'}."
        f"</p><p>{escape(' '.join((kind.__doc__ or '').split()))}</p></section>"
        for kind in sorted(_kinds(errors.TallybrookError), key=lambda kind: kind.slug)
    ]
    return _html("Errors", "".join(parts))


def _kinds(base: type[errors.TallybrookError]) -> list[type[errors.TallybrookError]]:
    """Every error with a slug of its own."""
    found = [base] if "slug" in vars(base) else []
    return found + [kind for child in base.__subclasses__() for kind in _kinds(child)]
