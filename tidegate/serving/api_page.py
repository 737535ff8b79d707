"""The OpenAPI document as a page for people: one file, no script, nothing fetched."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from tidegate.report import document as pages
from tidegate.report.document import STYLE, Section
from tidegate.report.pieces import sentence, table, text

Document = dict[str, Any]
_STYLE = STYLE + (
    "pre{margin:.5rem 0 1rem;padding:.8rem 1rem;overflow-x:auto;background:var(--card);border:1px solid "
    "var(--line);border-radius:8px;font:.85rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}"
    "h1{margin-top:.5rem}td{overflow-wrap:anywhere}tbody th{overflow-wrap:normal}.box+p{margin-top:.6rem}"
)
_ACCESS = {  # what curl needs, by the security scheme
    "iam": "--aws-sigv4 aws:amz:$AWS_REGION:execute-api --user $AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY",
    "jwt": '-H "Authorization: Bearer $TOKEN"',
}
_WORDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "above {}",
    "exclusiveMaximum": "below {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "multipleOf": "a multiple of {}",
    "pattern": "like {}",
    "format": "{}",
}


def page(document: Document) -> str:
    """Of a document of `tidegate.serving.openapi`."""
    info, components = document["info"], document["components"]
    signed = components.get("securitySchemes", {})
    access = "; ".join(scheme.get("description", scheme["type"]) for scheme in signed.values())
    sections = [
        _section(method, path, operation, components)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    lead = (
        f"<p>{sentence(info['description'])} Access: {text(access or 'open to everybody')}. The same for "
        'machines: <a href="openapi.json">openapi.json</a>.</p>'
    )
    return pages.document(
        info["title"],
        banner=f"<header><h1>{text(info['title'])}</h1></header>",
        lead=lead,
        sections=sections,
        footer="API_URL is where this page lies, without <code>/docs</code>. It is made of the contract, the "
        "features and the configuration that are deployed, and asks for nothing.",
        style=_STYLE,
    )


def _section(method: str, path: str, operation: Document, components: Document) -> Section:
    schemas = components["schemas"]
    content = operation["requestBody"]["content"]["application/json"]
    name, *others = _alternatives(content["schema"])
    parts = [f"<p>{sentence(operation['summary'])}. {sentence(operation.get('description', ''))}</p>"]
    if example := content.get("example"):
        parts.append(f"<pre>{escape(_curl(method, path, example, components))}</pre>")
    parts.append(_fields("What is sent", schemas[name], schemas))
    parts += [
        f"<p>Or many of these: <code>{{{text(json.dumps(listed))}: [...]}}</code></p>"
        for other in others
        for listed in schemas[other]["properties"]
    ]
    if headers := operation.get("parameters", ()):
        rows = (f"<tr><th>{text(each['name'])}<td>{sentence(each['description'])}" for each in headers)
        parts.append(table("Headers", ("Header", "Which is for"), rows))
    parts.append("<h3>What is answered</h3>")
    parts += _answers(operation["responses"], schemas)
    return path.strip("/"), f"{method.upper()} {path}", "".join(parts)


def _answers(responses: Document, schemas: Document) -> Iterator[str]:
    """Each status, then the fields of those that are no refusals."""
    rows = (
        f"<tr><th>{text(status)}<td>{sentence(told['description'])}" for status, told in responses.items()
    )
    yield table("Statuses", ("Status", "When"), rows)
    for status, told in responses.items():
        [name] = _alternatives(told["content"]["application/json"]["schema"])
        if status.startswith("2"):
            yield f"<h3>Body of a {text(status)}</h3>{_fields(f'Body of {status}', schemas[name], schemas)}"


def _fields(name: str, schema: Document, schemas: Document) -> str:
    rows = (
        f"<tr><th>{text(field)}<td>{sentence(_kind(kind, schemas))}"
        f"<td>{'' if field in schema['required'] else 'optional'}"
        for field, kind in schema["properties"].items()
    )
    return table(name, ("Field", "Value", ""), rows)


def _alternatives(schema: Document) -> list[str]:
    """Names of the schemas that a body may be of."""
    return [each["$ref"].rpartition("/")[2] for each in schema.get("anyOf", [schema])]


def _kind(schema: Document, schemas: Document) -> str:
    """One line for the values that a schema allows."""
    if "$ref" in schema:
        return _kind(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    return ", ".join(filter(None, (_values(schema, schemas), schema.get("description", ""))))


def _values(schema: Document, schemas: Document) -> str:
    if "anyOf" in schema:
        return " or ".join(_kind(each, schemas) for each in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    kind = schema.get("type", "")
    if kind == "array":
        return f"a list, each {_kind(schema['items'], schemas)}"
    if kind == "object":
        members = ", ".join(
            f"`{name}`: {_kind(each, schemas)}" for name, each in schema.get("properties", {}).items()
        )
        return f"an object of {members}" if members else "an object"
    words = [" or ".join(kind) if isinstance(kind, list) else kind]
    for key, limit in schema.items():
        if key not in ("type", "description"):
            shown = f"`{limit}`" if key == "pattern" else json.dumps(limit).strip('"')
            words.append(_WORDS.get(key, f"{key} {{}}").format(shown))
    return ", ".join(words)


def _curl(method: str, path: str, example: Any, components: Document) -> str:
    """A command to paste; API_URL is where this page lies."""
    schemes = components.get("securitySchemes", {})
    access = [_ACCESS[name] for name in schemes]
    body = f"-H 'Content-Type: application/json' -d '{_shell(example)}'"
    lines = [f"curl -X {method.upper()} $API_URL{path}", *access, body]
    return " \\\n  ".join(lines)


def _shell(example: Any) -> str:
    """JSON within single quotes."""
    return json.dumps(example).replace("'", "'\\''")
