"""Where containers run: the interface, and one implementation for each runtime."""
