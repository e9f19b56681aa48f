"""One module per command, each with `main(options) -> exit code`; imported only when its command is given."""
