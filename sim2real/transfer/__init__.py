"""Taking a policy that was pretrained in simulation to a real camera."""
