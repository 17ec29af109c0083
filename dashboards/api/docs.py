"""/api/docs: the API for a person, drawn from the OpenAPI description the server itself publishes. No scripts, nothing from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI, Response

STYLE = """
:root { color-scheme: light dark; --page: #F4F5F7; --surface: #fff; --text: #15181E; --dim: #565F6D; --line: #DFE3E8; --accent: #0A62A8 }
@media (prefers-color-scheme: dark) {
  :root { --page: #0E1116; --surface: #151A21; --text: #E8EBEF; --dim: #9BA6B4; --line: #2A313B; --accent: #6DB5F2 }
}
body { margin: 0 auto; max-width: 860px; padding: 20px; font: 14px/22px Inter, system-ui, sans-serif; background: var(--page); color: var(--text) }
section { background: var(--surface); border: 1px solid var(--line); border-radius: 8px; padding: 12px 16px; margin: 12px 0; overflow-x: auto }
h1 { font-size: 22px } h2 { font-size: 15px; margin: 0 }
code, pre { font: 12px/18px ui-monospace, monospace } pre { margin: 8px 0 0; white-space: pre-wrap }
p { color: var(--dim); margin: 4px 0 } a { color: var(--accent) } td { padding: 2px 16px 2px 0; vertical-align: top }
"""
INTRODUCTION = (
    "Every route but <code>/healthz</code> and <code>/readyz</code> wants <code>Authorization: Bearer TOKEN</code>; make one with "
    '<code>bin/roomleft token add NAME --scope read</code>. Errors have one shape: <code>{"error": {"what", "where", "hint"}}</code>. '
    'The machine-readable form is <a href="/api/openapi.json">/api/openapi.json</a>.'
)


def make_apidocs(app: FastAPI) -> APIRouter:
    """The page, for the routes that `app` has when it is asked."""
    router = APIRouter()

    @router.get("/api/docs", include_in_schema=False)
    async def docs() -> Response:
        return Response(page(app.openapi()), media_type="text/html")

    return router


def page(description: dict[str, Any]) -> str:
    """An OpenAPI description as one HTML page."""
    sections = [
        _section(method.upper(), path, operation)
        for path, methods in sorted(description["paths"].items())
        for method, operation in methods.items()
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Roomleft API</title><style>{STYLE}</style></head><body><h1>Roomleft API</h1><p>{INTRODUCTION}</p>{''.join(sections)}</body></html>"
    )


def _section(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(p['name'])}</code></td><td>{escape(p['in'])}{', required' if p.get('required') else ''}</td>"
        f"<td>{escape(p.get('description') or p.get('schema', {}).get('description') or '')}</td></tr>"
        for p in operation.get("parameters", [])
    )
    example = f"curl -H 'Authorization: Bearer TOKEN' {'-X POST --data-binary @rows.ndjson ' if method == 'POST' else ''}'http://127.0.0.1:8470{path}'"
    return (
        f"<section><h2><code>{method} {escape(path)}</code></h2><p>{escape(operation.get('summary', ''))}</p>"
        f"<p>{escape(operation.get('description', ''))}</p>{f'<table>{rows}</table>' if rows else ''}<pre>{escape(example)}</pre></section>"
    )
