"""Observation: the supervisor that sees refused calls, and the filters that the kernel has loaded."""
