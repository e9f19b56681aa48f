"""Files of settings: where they are searched, and TOML as a tree that remembers lines."""
