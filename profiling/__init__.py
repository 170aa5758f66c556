"""Measuring, tipping points, advice and reports."""
