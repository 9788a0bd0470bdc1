"""What Athena reads of a Glue table: its partitions by projection, the manifests in them, and the
columns that the table declares, checked against those that the files have."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
from msgspec import Struct

TableInput = dict[str, Any]

INPUT = "org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat"
SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
IN_FILES = {
    "string": "VARCHAR", "bigint": "BIGINT", "int": "INTEGER", "double": "DOUBLE",
    "boolean": "BOOLEAN", "timestamp": "TIMESTAMP", "date": "DATE",
    "map<string,double>": "MAP(VARCHAR, DOUBLE)",
    "map<string,struct<score:double,responses:int,std_dev:double>>":
        "MAP(VARCHAR, STRUCT(score DOUBLE, responses INTEGER, std_dev DOUBLE))",
}  # fmt: skip
"""Hive's types and what Parquet has to hold for them, as DuckDB reads it."""

_NOW = re.compile(r"NOW(?:\+(\d+)DAYS)?")
_JAVA = {"yyyy": "%Y", "MM": "%m", "dd": "%d"}


class BadDataError(Exception):
    """A file does not hold what the table declares."""


class Part(Struct):
    """One partition: its values, and the files its manifest names, brought here."""

    values: dict[str, str]
    files: list[Path]


class Catalog:
    """Tables of one database. Files are brought into ``folder``, each once."""

    def __init__(self, tables: dict[str, TableInput], s3: Any, folder: Path) -> None:
        self.tables, self._s3, self._folder = tables, s3, folder

    def parts(self, name: str, given: dict[str, str]) -> Iterator[Part]:
        """The projected partitions that are there and hold files, with what a query has to give for
        the injected ones."""
        table = self.tables[name]
        parameters, keys = table["Parameters"], [key["Name"] for key in table["PartitionKeys"]]
        template = parameters["storage.location.template"]
        bucket, _, path = template.removeprefix("s3://").partition("/")
        for key in keys:
            if parameters[f"projection.{key}.type"] == "injected":
                path = path.replace(f"${{{key}}}", given[key])
        prefix, pattern = path.split("${")[0], _pattern(path)
        for found in self._keys(bucket, prefix):
            if (match := pattern.fullmatch(found)) is None:
                continue
            values = given | match.groupdict()
            if all(is_projected(parameters, key, values[key]) for key in keys):
                yield Part(values, self._named(bucket, found))

    def _keys(self, bucket: str, prefix: str) -> list[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def _named(self, bucket: str, manifest: str) -> list[Path]:
        body = self._s3.get_object(Bucket=bucket, Key=manifest)["Body"].read().decode()
        return [self._brought(line) for line in body.splitlines() if line]

    def _brought(self, address: str) -> Path:
        bucket, _, key = address.removeprefix("s3://").partition("/")
        to = self._folder / key
        if not to.exists():
            to.parent.mkdir(parents=True, exist_ok=True)
            partial = to.with_suffix(".partial")
            self._s3.download_file(bucket, key, str(partial))
            partial.rename(to)
        return to

    def select(self, name: str, parts: list[Part]) -> str:
        """DuckDB's statement of all rows of partitions, with the columns and types declared."""
        table = self.tables[name]
        columns, keys = table["StorageDescriptor"]["Columns"], table["PartitionKeys"]
        selects = [_select(columns, keys, part) for part in parts if part.files]
        nothing = ", ".join(
            f'CAST(NULL AS {IN_FILES[c["Type"]]}) AS "{c["Name"]}"' for c in [*columns, *keys]
        )
        return " UNION ALL ".join([f"SELECT {nothing} WHERE false", *selects])


def _pattern(path: str) -> re.Pattern[str]:
    """The keys of files right under a location; a value may have slashes, as dates may."""
    literal, *rest = re.split(r"\$\{(\w+)\}", path)
    text = re.escape(literal)
    for name, after in zip(rest[::2], rest[1::2], strict=True):
        text += f"(?P<{name}>.+?){re.escape(after)}"
    return re.compile(text + "[^/]+")


def is_projected(parameters: dict[str, str], key: str, value: str) -> bool:
    """Whether the projection of a partition column comes upon a value."""
    told = {
        name.removeprefix(f"projection.{key}."): text
        for name, text in parameters.items()
        if name.startswith(f"projection.{key}.")
    }
    checks: dict[str, Callable[[], bool]] = {
        "injected": lambda: True,
        "enum": lambda: value in told["values"].split(","),
        "integer": lambda: _is_number(value, told["range"]),
        "date": lambda: _is_day(value, told),
    }
    return checks[told["type"]]()


def _is_number(value: str, told: str) -> bool:
    first, last = map(int, told.split(","))
    return value == str(int(value)) and first <= int(value) <= last


def _is_day(value: str, told: dict[str, str]) -> bool:
    form = told["format"]
    for word, sign in _JAVA.items():
        form = form.replace(word, sign)
    assert (told["interval"], told["interval.unit"]) == ("1", "DAYS")
    first, last = (_day(text, form) for text in told["range"].split(","))
    day = datetime.strptime(value, form).date()
    return day.strftime(form) == value and first <= day <= last


def _day(text: str, form: str) -> date:
    if now := _NOW.fullmatch(text):
        return datetime.now(UTC).date() + timedelta(days=int(now[1] or 0))
    return datetime.strptime(text, form).date()


def _select(columns: list[dict[str, str]], keys: list[dict[str, str]], part: Part) -> str:
    held: dict[str, str] = {}
    for file in part.files:
        held |= require_declared(columns, file)
    # A timestamp has three digits in Athena, whatever the file has.
    shown = [
        f'CAST(NULL AS {IN_FILES[c["Type"]]}) AS "{c["Name"]}"' if c["Name"] not in held
        else f'make_timestamp((epoch_us("{c["Name"]}") + 500) // 1000 * 1000) AS "{c["Name"]}"'
        if c["Type"] == "timestamp" else f'"{c["Name"]}"'
        for c in columns
    ]  # fmt: skip
    values = [
        f"CAST('{part.values[key['Name']]}' AS {IN_FILES[key['Type']]}) AS \"{key['Name']}\""
        for key in keys
    ]
    files = ", ".join(f"'{file}'" for file in part.files)
    return (
        f"SELECT {', '.join(shown + values)} FROM"
        f" read_parquet([{files}], union_by_name = true, hive_partitioning = false)"
    )


def require_declared(columns: list[dict[str, str]], file: Path) -> dict[str, str]:
    """The columns of a file. Each that the table declares and the file has is of the very type; the
    file has none besides."""
    held, declared = held_types(file), {c["Name"]: IN_FILES[c["Type"]] for c in columns}
    wrong = {name: kind for name, kind in held.items() if declared.get(name) != kind}
    if wrong:
        raise BadDataError(f"HIVE_BAD_DATA: {file.name}: {wrong}")
    return held


@cache
def held_types(file: Path) -> dict[str, str]:
    """Columns of a Parquet file with DuckDB's names of their types."""
    with _database().cursor() as db:
        read = f"DESCRIBE FROM read_parquet('{file}', hive_partitioning = false)"
        return {str(row[0]): str(row[1]) for row in db.execute(read).fetchall()}


@cache
def chunk_bytes(file: Path) -> dict[str, int]:
    """Compressed bytes of each column, and of the footer under ""."""
    with _database().cursor() as db:
        rows = db.execute(
            "SELECT split_part(path_in_schema, ',', 1), sum(total_compressed_size)"
            f" FROM parquet_metadata('{file}') GROUP BY 1"
        ).fetchall()
    return {str(name): int(size) for name, size in rows} | {"": _footer_bytes(file)}


@cache
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def _footer_bytes(file: Path) -> int:
    with file.open("rb") as read:
        read.seek(-8, 2)
        return int.from_bytes(read.read(4), "little") + 8
