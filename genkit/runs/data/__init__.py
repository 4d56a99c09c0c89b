"""Samples of a data set, drawn and written as pictures."""
