"""Report formats: from a run's result to text for people and programs, and where that text goes."""
