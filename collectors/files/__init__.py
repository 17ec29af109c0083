"""Files that people import: their formats, their columns' meaning, their rows."""
