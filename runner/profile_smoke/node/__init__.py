"""A node's seccomp folder: what was put there, whether it still is, and undoing it."""
