"""Command-line interface ``refera``: parses arguments, calls the other packages, prints results and errors."""
