"""What is behind each chart, as a table: every series in full, at the finest steps that are kept. The CSV and the Table view are made of it."""
