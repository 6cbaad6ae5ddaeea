"""The rehearsal robot: a simulated stand-in for a real one, used for recording and testing, never for pretraining.

Its camera gives full frames with a lens, light and sensor that pretraining never draws, and it has its own dynamics
(the `rehearsal` preset of its task).
"""
