"""How policies fare: `evaluate` in simulation, on the rehearsal robot, on hardware and on recordings."""
