"""Probes: checks of a running container through connections that its target hands over."""
