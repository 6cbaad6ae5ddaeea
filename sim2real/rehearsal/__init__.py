"""The rehearsal robot, a simulated stand-in for a real one, and who moves it when it is recorded."""
