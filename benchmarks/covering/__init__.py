"""What the coverage page is made of: rows, numbers to try them at, and how one row is judged."""
