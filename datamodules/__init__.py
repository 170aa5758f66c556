"""Synthetic and real data for every modality; imports nothing heavy."""
