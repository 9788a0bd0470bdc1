"""The dialect of statements: Athena's, which is Trino's. Pure."""

from sqlglot.dialects.trino import Trino


class Statements(Trino):
    """Trino with subscripts left as they are written: the parser would count them from 0, and
    count them back on writing only where it then knows the same types."""

    INDEX_OFFSET = 0
