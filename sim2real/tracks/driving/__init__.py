"""Cars in closed loop on a rebuilt track."""
