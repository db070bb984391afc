"""The page ``claims.html``: a report for people in one file, which needs no network."""
