"""What the columns of a result are in Arrow, by what each driver says of them.

A type that is not listed is read as the database's own text: JSON, UUID, arrays, intervals, networks.
"""

import pyarrow as pa

_LONGEST_DECIMAL = 38  # digits of decimal128
_POSTGRES_NUMERIC = 1700
# object ids of pg_type, which Redshift has too
_POSTGRES = {
    16: pa.bool_(),
    20: pa.int64(),
    21: pa.int16(),
    23: pa.int32(),
    26: pa.int64(),  # oid
    700: pa.float32(),
    701: pa.float64(),
    18: pa.string(),  # "char"
    19: pa.string(),  # name
    25: pa.string(),
    1042: pa.string(),  # char(n)
    1043: pa.string(),
    1082: pa.date32(),
    1083: pa.time64("us"),
    1114: pa.timestamp("us"),
    1184: pa.timestamp("us", tz="UTC"),
}
_MYSQL_DECIMALS = (0, 246)
# the protocol's column types
_MYSQL = {
    1: pa.int16(),  # tinyint, boolean
    2: pa.int32(),  # an unsigned one needs a bit more
    3: pa.int64(),
    4: pa.float64(),
    5: pa.float64(),
    7: pa.timestamp("us"),  # timestamp: the session's zone, which is UTC
    8: pa.int64(),
    9: pa.int32(),
    10: pa.date32(),
    12: pa.timestamp("us"),
    13: pa.int16(),  # year
    15: pa.string(),
    247: pa.string(),  # enum
    248: pa.string(),  # set
    249: pa.string(),
    250: pa.string(),
    251: pa.string(),
    252: pa.string(),
    253: pa.string(),
    254: pa.string(),
}
_ATHENA = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "real": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamp with time zone": pa.timestamp("us", tz="UTC"),
}


def of_postgres(oid: int, modifier: int) -> pa.DataType | None:
    """Args: oid and type modifier of the row description; None when it has to be read as text."""
    if oid != _POSTGRES_NUMERIC:
        return _POSTGRES.get(oid)
    if modifier < 0:  # numeric without precision: any number of digits, so the 15 of a double
        return pa.float64()
    digits, scale = (modifier - 4) >> 16 & 0xFFFF, (modifier - 4) & 0x7FF
    return _decimal(digits, scale)


def of_mysql(code: int, length: int, scale: int) -> pa.DataType | None:
    """Args: type code, length and scale of the column definition."""
    if code not in _MYSQL_DECIMALS:
        return _MYSQL.get(code)
    return _decimal(length - (2 if scale else 1), scale)  # it counts sign and point


def of_athena(name: str, precision: int, scale: int) -> pa.DataType:
    """Args: type, precision and scale of the result's metadata; the rest is text in its files already."""
    return _decimal(precision, scale) if name == "decimal" else _ATHENA.get(name, pa.string())


def _decimal(digits: int, scale: int) -> pa.DataType:
    fits = 0 < digits <= _LONGEST_DECIMAL and 0 <= scale <= digits
    return pa.decimal128(digits, scale) if fits else pa.float64()
