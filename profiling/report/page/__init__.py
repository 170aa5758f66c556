"""`report.html`: what stands in it, its template, its style and its script."""
