"""Where the same text would silently mean something else in DuckDB, by subject."""

from tallybrook.sql.rules import lists, numbers, text, time
from tallybrook.sql.rules.building import Rule

RULES: dict[str, Rule] = time.RULES | text.RULES | lists.RULES | numbers.RULES
"""Syntax tree class → what takes its place."""
