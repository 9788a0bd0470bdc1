"""Benchmarks: each figure beside its ceiling or rival, measured in the same run, on loopback."""
