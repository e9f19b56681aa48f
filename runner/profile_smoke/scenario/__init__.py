"""Scenarios: reference workloads in strict YAML, read into plain data."""
