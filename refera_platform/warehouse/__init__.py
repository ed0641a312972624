"""Room 3, dbt as a library: pin the lake, build and test in a database of one's own, publish only what is green."""
