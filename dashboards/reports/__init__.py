"""Reports as people get them: HTML that mail programs show, plain text, workbooks, and the pictures in them. Made from a report's content alone."""
