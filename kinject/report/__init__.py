"""Records in, pages out: finished runs become report.html, report.md and tables.json. Needs no torch."""
