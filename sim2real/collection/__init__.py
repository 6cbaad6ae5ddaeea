"""Recording of the rehearsal robot, moved by a simulated operator, and of plain simulation."""
