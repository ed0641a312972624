"""The binary log of MySQL and MariaDB, read as a stream of transactions: every change, once, in the server's order."""
