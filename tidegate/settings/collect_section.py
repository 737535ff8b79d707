"""One `[[collect]]` table of pipeline.toml: a source system, when it is asked, and mistakes in that."""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from tidegate.ingestion import watermark
from tidegate.ingestion.watermark import MarkType
from tidegate.settings.toml_reader import Problem

SourceKind = Literal["postgresql", "mysql", "redshift", "athena", "s3", "https"]
# one alarm watches the functions of all sources, and an alarm takes ten metrics
MAXIMUM_SOURCES = 10
# what may have begun so long ago and end now: S3 dates a multipart upload by its beginning
S3_OVERLAP_SECONDS = 3600

_OF_ALL = {"name", "kind", "schedule", "timeout_seconds", "subnets", "security_groups"}
_OF_QUERIES = {
    *("table", "query", "watermark", "watermark_type", "initial", "overlap_seconds"),
    *("chunk_rows", "maximum_rows"),
}
_OF_DATABASES = {*_OF_ALL, *_OF_QUERIES, "secret", "connection"}
_ALLOWED: dict[SourceKind, set[str]] = {
    "postgresql": _OF_DATABASES,
    "mysql": _OF_DATABASES,
    "redshift": _OF_DATABASES,
    "athena": {*_OF_ALL, *_OF_QUERIES, "database", "workgroup", "uri"},
    "s3": {*_OF_ALL, "uri", "overlap_seconds"},
    "https": {*_OF_ALL, "url", "secret", "content_types", "maximum_mebibytes"},
}
_SCHEDULE = re.compile(
    r"rate\((1 (minute|hour|day)|(?!1 )[1-9]\d* (minutes|hours|days))\)|cron\((\S+ ){5}\S+\)"
)


@dataclass(frozen=True, kw_only=True)
class CollectSection:
    """What is not of a source's kind keeps its default."""

    name: str
    kind: SourceKind
    schedule: str = "rate(1 day)"
    # of one statement or request; a function has 900 seconds for all of them
    timeout_seconds: int = field(default=300, metadata={"minimum": 1, "maximum": 800})
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    secret: str | None = None
    connection: str | None = None
    table: str | None = None
    query: str | None = None
    watermark: str | None = None
    watermark_type: MarkType = "timestamp"
    initial: str | None = None
    overlap_seconds: int | None = field(default=None, metadata={"minimum": 0, "maximum": 31 * 86400})
    chunk_rows: int = field(default=20_000, metadata={"minimum": 1, "maximum": 1_000_000})
    maximum_rows: int = field(default=5_000_000, metadata={"minimum": 1})
    database: str | None = None
    workgroup: str = "primary"
    uri: str | None = None
    url: str | None = None
    content_types: tuple[str, ...] = ()
    # a page is checked whole before a byte of it is kept, and a function has 512 MiB for that
    maximum_mebibytes: int = field(default=256, metadata={"minimum": 1, "maximum": 400})

    @property
    def overlap(self) -> int:
        default = S3_OVERLAP_SECONDS if self.kind == "s3" else 0
        return default if self.overlap_seconds is None else self.overlap_seconds


def problems(sections: Sequence[CollectSection]) -> Iterator[Problem]:
    """Every contradiction of all the tables, with the dotted key it is about."""
    if len(sections) > MAXIMUM_SOURCES:
        yield "collect", f"`collect` has {len(sections)} sources, at most {MAXIMUM_SOURCES} are possible"
    seen: set[str] = set()
    for index, section in enumerate(sections):
        where = f"collect.{index}"
        if section.name in seen:
            yield f"{where}.name", f"two sources are called `{section.name}`"
        seen.add(section.name)
        for key, sentence in _problems(section):
            yield f"{where}.{key}", sentence


def _problems(section: CollectSection) -> Iterator[Problem]:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,29}", section.name):
        yield "name", f"name `{section.name}` must be 1-30 of a-z, 0-9 and -, a letter first"
    if not _SCHEDULE.fullmatch(section.schedule):
        yield "schedule", f"schedule of `{section.name}` must be rate(N units) or cron(six fields)"
    if bool(section.subnets) != bool(section.security_groups):
        yield "subnets", f"`{section.name}` needs both `subnets` and `security_groups`, or neither"
    for given in dataclasses.fields(section):
        if given.name not in _ALLOWED[section.kind] and getattr(section, given.name) != given.default:
            yield given.name, f"`{given.name}` means nothing to `{section.name}`, which is {section.kind}"
    if section.kind == "s3":
        yield from _uri_problems(section, "what to copy")
    elif section.kind == "https":
        yield from _url_problems(section)
    else:
        yield from _query_problems(section)


def _range_problems(section: CollectSection) -> Iterator[Problem]:
    if not section.watermark:
        yield "watermark", f"`{section.name}` needs a `watermark`: the column that grows with every new row"
    if section.watermark_type == "integer" and section.overlap:
        yield "overlap_seconds", f"`{section.name}` has a number as watermark: seconds are no part of it"
    if section.initial is not None:
        try:
            watermark.parse(section.initial, section.watermark_type)
        except ValueError as error:
            yield "initial", f"initial of `{section.name}` is no {section.watermark_type}: {error}"


def _query_problems(section: CollectSection) -> Iterator[Problem]:
    name = section.name
    if bool(section.table) == bool(section.query):
        yield "table", f"`{name}` needs a `table` or a `query`, one of them"
    if section.query and not re.match(r"\s*(select|with)\b", section.query, re.IGNORECASE):
        yield "query", f"query of `{name}` must be a SELECT"
    if section.query and ";" in section.query:
        yield "query", f"query of `{name}` must be one statement, without `;`"
    yield from _range_problems(section)
    if section.kind == "athena":
        if not section.database:
            yield "database", f"`{name}` needs a `database` of the catalog"
        yield from _uri_problems(section, "where the table's files lie")
    elif bool(section.secret) == bool(section.connection):
        yield "secret", f"`{name}` needs a `secret` or a `connection` of the Glue catalog, one of them"


def _uri_problems(section: CollectSection, what: str) -> Iterator[Problem]:
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{2,62}/.*", section.uri or ""):
        yield "uri", f"`{section.name}` needs a `uri` like s3://bucket/prefix/: {what}"


def _url_problems(section: CollectSection) -> Iterator[Problem]:
    parts = urlsplit(section.url or "")
    if parts.scheme not in ("https", "http") or not parts.hostname:
        yield "url", f"`{section.name}` needs a `url` like https://host/path"
    elif parts.username or parts.password:
        yield "url", f"url of `{section.name}` holds credentials: put a header into a `secret`"
    elif parts.scheme == "http" and section.secret:
        yield "url", f"`{section.name}` would send its secret unencrypted: the url must be https"
