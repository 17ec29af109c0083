"""What runs on a schedule: collect, roll up, measure, price, retain. Each run is short, leased and safe to repeat."""
