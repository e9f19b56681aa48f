"""The command line: arguments, wiring, exit codes. The only place that picks implementations."""
