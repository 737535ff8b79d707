"""What drivers and AWS raise, as one of two: the source is not available, or it refuses.

Nothing of it is caught silently: the driver's own words become the cause. They name users, tables and
columns, and never a password.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import pyarrow as pa
from botocore.exceptions import ClientError

from tidegate.errors import TidegateError
from tidegate.ingestion.collection import SourceRefusedError, SourceUnavailableError
from tidegate.settings.collect_section import CollectSection

# SQLSTATE: how PostgreSQL and Redshift say what it is about; by class, or whole
_SLOW = "57014"  # a query was cancelled: statement_timeout
_LOGIN = ("28", "3D")  # authorization, no such database
_TROUBLE = ("08", "40", "53", "57", "58", "XX")  # connection, conflicts, resources, shutdown, system
# the same for MySQL
_MYSQL_SLOW = (3024, 1969)
_MYSQL_LOGIN = (1044, 1045, 1049, 1698, 1820, 3118, 3162)
_MYSQL_QUERY = (1046, 1054, 1064, 1142, 1143, 1146, 1305)

Trouble = Literal["slow", "login", "trouble", "query", "value"]

_HINTS: dict[Trouble, str] = {
    "slow": "give it an index on the watermark, a smaller `maximum_rows`, or a longer `timeout_seconds`",
    "login": "mend the user, the password or the database in the secret",
    "trouble": "nothing is lost: the next run asks for the same rows; look at the source and the way to it",
    "query": "mend `table`, `query` or `watermark` in pipeline.toml, or the user's rights",
    "value": "cast the column in a `query` to something that has room for it",
}
_SENTENCES: dict[Trouble, str] = {
    "slow": "`{0}` did not answer within {1} s",
    "login": "`{0}` does not let us in",
    "trouble": "`{0}` cannot be reached, or broke off",
    "query": "`{0}` refuses the query",
    "value": "`{0}` has a value that does not fit its own type in Parquet",
}


@contextmanager
def told(section: CollectSection, doing: Literal["connect", "query"]) -> Iterator[None]:
    """Raise what happens inside as one of ours.

    Raises:
        SourceUnavailableError: trying again may help.
        SourceRefusedError: somebody has to change something first.
    """
    try:
        yield
    except TidegateError:
        raise
    except ClientError as cause:
        raise _of_aws(section, cause) from cause
    except Exception as cause:
        trouble = _trouble(cause, doing)
        if trouble is None:
            raise
        kind = SourceUnavailableError if trouble in ("slow", "trouble") else SourceRefusedError
        raise kind(
            _SENTENCES[trouble].format(section.name, section.timeout_seconds),
            cause=_words(cause),
            hint=_HINTS[trouble],
        ) from cause


def _trouble(error: Exception, doing: str) -> Trouble | None:
    if isinstance(error, pa.ArrowException | UnicodeError | OverflowError):
        return "value"
    if isinstance(error, TimeoutError):
        return "slow"
    if isinstance(error, OSError):
        return "trouble"
    # awswrangler reads the secret: a member is missing, or it is of another engine
    if doing == "connect" and isinstance(error, KeyError | ValueError):
        return "login"
    module = type(error).__module__.partition(".")[0]
    if module == "awswrangler":
        return "login" if doing == "connect" else "query"
    if module == "pymysql":
        return _of_mysql(error)
    if module in ("pg8000", "redshift_connector"):
        return _of_postgres(error)
    return None


def _of_postgres(error: Exception) -> Trouble:
    fields = error.args[0] if error.args else None
    if not isinstance(fields, Mapping):
        return "slow" if isinstance(error.__cause__, TimeoutError) else "trouble"
    state = str(fields.get("C", ""))
    if state == _SLOW:
        return "slow"
    if state.startswith(_LOGIN):
        return "login"
    return "trouble" if state.startswith(_TROUBLE) else "query"


def _of_mysql(error: Exception) -> Trouble:
    code = error.args[0] if error.args else None
    if code in _MYSQL_SLOW:
        return "slow"
    if code in _MYSQL_LOGIN:
        return "login"
    known = code in _MYSQL_QUERY or type(error).__name__ in ("ProgrammingError", "NotSupportedError")
    return "query" if known else "trouble"


def _of_aws(section: CollectSection, error: ClientError) -> TidegateError:
    code = error.response["Error"]["Code"]
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    passing = status >= 500 or "Throttl" in code or code == "SlowDown"  # noqa: PLR2004 - HTTP's server errors
    kind = SourceUnavailableError if passing else SourceRefusedError
    return kind(
        f"`{section.name}` cannot be read: AWS refuses {error.operation_name}",
        cause=f"{code}: {error.response['Error'].get('Message', '')}",
        hint=_HINTS["trouble"] if passing else "is its name right, and may the function's role read it?",
    )


def _words(error: Exception) -> str:
    """The message of a server's error is one of several fields."""
    fields = error.args[0] if error.args else None
    if isinstance(fields, Mapping):
        told_ = [str(fields[name]) for name in ("M", "D", "H") if name in fields]  # message, detail, hint
        return f"{'; '.join(told_)} (SQLSTATE {fields.get('C', '?')})"
    if isinstance(error, KeyError):
        return f"the secret has no {json.dumps(error.args[0])}"
    first = " ".join(str(error).split()) or type(error).__name__
    return f"{first}: {error.__cause__}" if error.__cause__ else first
