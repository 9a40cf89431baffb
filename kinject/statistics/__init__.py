"""Numbers with error bars: intervals, paired tests, laws. Pure: no files, no models."""
