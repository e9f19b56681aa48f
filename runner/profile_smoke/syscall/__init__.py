"""Syscalls as data: numbers, groups, dangers, and calls written as text."""
