"""Roomleft's tests. The folders mirror the product's; `architecture/` tests the code itself, `fixtures/` is what they talk to."""
