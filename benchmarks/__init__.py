"""What is measured by hand, not by the suite: `make help` lists it."""
