"""Finding mistakes in profiles without launching anything: rules with ids that stay, places, and mechanical fixes."""
