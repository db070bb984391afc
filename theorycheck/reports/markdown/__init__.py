"""Reports in Markdown: an overview, and the claims on one page or a page for each paper."""
