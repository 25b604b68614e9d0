"""The pages that the site makes itself: one kind, one file; `registry` lists them."""
