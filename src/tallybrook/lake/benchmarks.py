"""``industry_benchmarks``: how scores are spread in industries that have enough people."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from tallybrook.lake.refreshing import Part, Withhold, source_of
from tallybrook.lake.routes import text_array
from tallybrook.lake.rows import Columns
from tallybrook.lake.scan import select_files
from tallybrook.lake.tables import INDUSTRY_BENCHMARKS, OCEAN_SCORES, incoming_select
from tallybrook.lake.write import MERGE_LEVEL, copy
from tallybrook.lake.writing import Writer
from tallybrook.ports.lake import DataFile

_QUERY = """
WITH latest AS (
    SELECT * FROM ({scores}) WHERE industry IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY anonymous_user_id, assessment_type
        ORDER BY "timestamp" DESC, assessment_id DESC, content DESC) = 1
)
SELECT assessment_type, domain, industry, count(*), avg(score), stddev_samp(score)
FROM latest UNPIVOT (score FOR domain IN
    (openness, conscientiousness, extraversion, agreeableness, neuroticism))
GROUP BY ALL ORDER BY ALL
"""


class Benchmarks:
    """``Refreshable``: all of an account is one part. ``withhold`` says which cells a reader must
    not see, ``min_people`` is its k."""

    def __init__(self, withhold: Withhold, min_people: int) -> None:
        self._withhold, self._k = withhold, min_people

    def parts(self, writer: Writer, account_id: str) -> Iterator[Part]:
        snapshot = writer.store.snapshot(account_id)
        files, old = snapshot.of(OCEAN_SCORES.name), snapshot.of(INDUSTRY_BENCHMARKS.name)
        source = f"{source_of(files)}:{self._k}"
        if (files or old) and (not old or any(file.source != source for file in old)):
            yield Part(account_id, "", source, files, old)

    def make(self, writer: Writer, part: Part) -> list[DataFile]:
        located = list(zip(part.files, writer.store.locate(part.files), strict=True))
        query = _QUERY.format(scores=select_files(OCEAN_SCORES, located))
        shown = self._shown(writer.engine.execute(query).fetchall())
        if not shown:
            return []
        rows = _columns(shown, part.account_id, self._k, writer.now_us())
        writer.engine.register("tb_benchmarks", rows)
        try:
            select = incoming_select(INDUSTRY_BENCHMARKS, "tb_benchmarks")
            return copy(
                writer.engine, writer.store, select, INDUSTRY_BENCHMARKS, MERGE_LEVEL, part.source
            )
        finally:
            writer.engine.unregister("tb_benchmarks")

    def _shown(self, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        tables: dict[tuple[str, str], dict[tuple[str | None, ...], int]] = defaultdict(dict)
        for kind, domain, industry, people, *_ in rows:
            tables[kind, domain][industry,] = people
        hidden = {key: self._withhold(people, self._k) for key, people in tables.items()}
        return [row for row in rows if (row[2],) not in hidden[row[0], row[1]]]


def _columns(rows: list[tuple[Any, ...]], account_id: str, k: int, now_us: int) -> Columns:
    names = ("assessment_type", "domain", "industry", "people", "mean", "std_dev")
    cells = zip(*rows, strict=True)
    found = {name: text_array(values) for name, values in zip(names, cells, strict=True)}
    same = {"account_id": account_id, "min_people": k}
    found |= {name: text_array([value] * len(rows)) for name, value in same.items()}
    return found | {"refreshed_at": np.full(len(rows), now_us, dtype=np.int64)}
