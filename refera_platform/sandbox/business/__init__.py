"""The sample business: generated history and simulated days in the local MariaDB. Starts no server: ``stack`` does.

Faker invents people, companies and addresses. The server makes all rows of them, in set-based SQL that depends only on
the seed and on the numbers of the rows. Which rows these are may change with any release: what users of the sample rely
on are the awkward facts in ``refera_platform_tests/sandbox/sample_facts.py``, each with the query that finds it.

    people, products, orders ──▶ history (two years) ──▶ day, day, … (``simulate``) ──▶ sample.json (``sample_state``)
"""
