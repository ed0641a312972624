"""What people see when they type ``refera``: progress, tables and errors. Decides nothing."""
