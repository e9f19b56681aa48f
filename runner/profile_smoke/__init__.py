"""Smoke-test container images under seccomp profiles, and prove which syscalls blocked them."""

__version__ = "0.1.0"
