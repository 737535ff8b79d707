"""The OpenAPI document as a page for people: one file, no script, nothing fetched."""

import json
from collections.abc import Sequence
from html import escape
from typing import Any

Document = dict[str, Any]
_STYLE = """
:root { color-scheme: light dark;
        --line: light-dark(#d0d4da, #3a4048); --soft: light-dark(#f4f5f7, #1d2127); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
h2 { margin-top: 2.5rem; } code, pre { font: 14px/1.5 ui-monospace, monospace; }
pre { background: var(--soft); padding: 1rem; overflow-x: auto; border-radius: 6px; }
div.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line);
         vertical-align: top; }
"""


def page(document: Document) -> str:
    """Of a document of `tidegate.openapi`."""
    info, schemas = document["info"], document["components"]["schemas"]
    operations = [
        _operation(method, path, operation, schemas)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    signed = document["components"].get("securitySchemes", {})
    access = "; ".join(scheme.get("description", scheme["type"]) for scheme in signed.values())
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(info['title'])}</h1><p>{escape(info['description'])}</p>",
            f"<p>Access: {escape(access or 'open')}.</p>",
            '<p>The same for machines: <a href="openapi.json">openapi.json</a>.</p>',
            *operations,
            "</body></html>\n",
        ]
    )


def _operation(method: str, path: str, operation: Document, schemas: Document) -> str:
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    name = body.get("$ref", body.get("anyOf", [{}])[0].get("$ref", "")).rpartition("/")[2]
    schema = schemas[name]
    headers = [(each["name"], each["description"]) for each in operation.get("parameters", ())]
    answers = [(status, answer["description"]) for status, answer in operation["responses"].items()]
    fields = [
        (column, _kind(kind), "required" if column in schema["required"] else "")
        for column, kind in schema["properties"].items()
    ]
    parts = [
        f"<h2><code>{method.upper()} {escape(path)}</code> {escape(operation['summary'])}</h2>",
        f"<p>{escape(operation.get('description', ''))}</p>",
        _table(("field", "value", ""), fields),
    ]
    parts += [
        f'<p>Or a batch of such objects: <code>{{"{escape(name)}": [...]}}</code></p>'
        for name in _batches(body, schemas)
    ]
    if headers:
        parts.append(_table(("header", ""), headers))
    parts.append(_table(("status", "when"), answers))
    return "\n".join(parts)


def _batches(body: Document, schemas: Document) -> list[str]:
    """Names of the lists that the body may be instead."""
    names = [each["$ref"].rpartition("/")[2] for each in body.get("anyOf", [])[1:]]
    return [property_ for name in names for property_ in schemas[name]["properties"]]


def _kind(schema: Document) -> str:
    """One line for the values that a schema allows."""
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(json.dumps(value) for value in schema["enum"])
    kind = schema.get("type", "")
    words = [" or ".join(kind) if isinstance(kind, list) else kind]
    limits = {key: value for key, value in schema.items() if key not in ("type", "description")}
    words += [f"{key} {json.dumps(value)}" for key, value in limits.items()]
    return ", ".join(words)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    cells = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    return f'<div class="wide"><table><tr>{top}</tr>{cells}</table></div>'
