"""The claims: one property each, grouped by subject."""
