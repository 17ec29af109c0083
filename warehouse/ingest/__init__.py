"""What happens between a batch and its commit: shape, dedupe, price, store, mark. All of it in one transaction."""
