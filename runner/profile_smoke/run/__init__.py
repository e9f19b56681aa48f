"""The pipeline: from a matrix of cells to their results."""
