"""The benchmarks by name, in the order of the table."""

from bench.row import Benchmark
from bench.rows.assessments import assessments
from bench.rows.batches import batch
from bench.rows.entities import entities, entity_reads
from bench.rows.filed import files
from bench.rows.fixed_rate import fixed_rate, memory
from bench.rows.growth import growth, ids
from bench.rows.lake import lake_writing
from bench.rows.pushed import fanout, pushed
from bench.rows.querying import cards, sql
from bench.rows.recounting import recounting
from bench.rows.rivals import runlight
from bench.rows.scans import scans
from bench.rows.single import single

BENCHMARKS: dict[str, Benchmark] = {
    "single": single,
    "runlight": runlight,
    "fixed-rate": fixed_rate,
    "batch": batch,
    "scans": scans,
    "pushed": pushed,
    "fanout": fanout,
    "recount": recounting,
    "lake": lake_writing,
    "sql": sql,
    "cards": cards,
    "entities": entities,
    "entity-reads": entity_reads,
    "memory": memory,
    "growth": growth,
    "ids": ids,
    "assessments": assessments,
    "files": files,
}
