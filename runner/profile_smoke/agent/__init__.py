"""The node agent: what a run needs of a cluster's node, done there for a client elsewhere."""
