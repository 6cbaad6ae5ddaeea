"""The rehearsal robot: a stand-in for a real one, simulated but withheld, to be recorded and to be tested on.

Its camera gives whole frames through a lens, under a light and with a sensor that pretraining never drew, and its
dynamics are its own (the `rehearsal` preset of its task).
"""
