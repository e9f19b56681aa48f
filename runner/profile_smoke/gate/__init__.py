"""The gate: what a run's result must not show, and what is let pass until a day."""
