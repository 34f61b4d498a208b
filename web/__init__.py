"""HTTP assembly: health, metrics and pages."""
