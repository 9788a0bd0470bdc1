"""Ports: one folder each, with its contract, ``local`` (embedded) and later ``aws``."""
