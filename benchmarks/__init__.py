"""Measured comparisons and mutation testing, run by hand: see the Makefile's targets."""
