"""Studies: claims of textbooks and papers about learning from simulation, measured here."""
