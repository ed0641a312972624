"""SHOW GRANTS of both servers is understood; what is needed is written out, and what is more is named."""

from dataclasses import replace

import pytest

from refera_platform.source.doctor.privileges import (
    excess_privileges,
    missing_privileges,
    parse_grants,
    required_grants,
    show_grants,
)
from refera_platform.source.table import SourceTable, Strategy

pytestmark = pytest.mark.unit

ORDERS = SourceTable(database="shop", name="orders", key=("id",), about="Orders.")
ODD = replace(ORDERS, name="or`ders", strategy=Strategy.COMPARE)
ACCOUNT = "`refera`@`10.0.0.%`"

MARIADB = [
    "GRANT `reading` TO `refera`@`10.0.0.%`",
    "GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO `refera`@`10.0.0.%` IDENTIFIED BY PASSWORD '*B69027D44F6E'",
    "GRANT SELECT ON `shop`.`orders` TO `refera`@`10.0.0.%`",
    "GRANT USAGE ON *.* TO `reading`",
    "SET DEFAULT ROLE `reading` FOR `refera`@`10.0.0.%`",
]
MYSQL = [
    "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `refera`@`10.0.0.%`",
    "GRANT SELECT ON `shop`.`orders` TO `refera`@`10.0.0.%`",
    "GRANT `reading`@`%` TO `refera`@`10.0.0.%`",
]
MORE = {
    "a whole schema": (
        "GRANT SELECT, SHOW VIEW ON `sh\\_op`.* TO `u`@`h`",
        ["SELECT on `sh\\_op`.*", "SHOW VIEW on `sh\\_op`.*"],
    ),
    "another table": ("GRANT SELECT ON `shop`.`salaries` TO `u`@`h`", ["SELECT on `shop`.`salaries`"]),
    "columns": (
        "GRANT SELECT (`a`, `b, ON c`), INSERT (`a`) ON `shop`.`x TO y` TO `u`@`h`",
        ["SELECT of some columns on `shop`.`x TO y`", "INSERT of some columns on `shop`.`x TO y`"],
    ),
    "everything": (
        "GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` IDENTIFIED BY PASSWORD '*29' WITH GRANT OPTION",
        ["ALL PRIVILEGES on *.*", "GRANT OPTION on *.*"],
    ),
    "dynamic privileges": (
        "GRANT BACKUP_ADMIN,BINLOG_ADMIN ON *.* TO `u`@`h`",
        ["BACKUP_ADMIN on *.*", "BINLOG_ADMIN on *.*"],
    ),
    "a routine": ("GRANT EXECUTE ON PROCEDURE `shop`.`pay` TO `u`@`h`", ["EXECUTE on `shop`.`pay`"]),
    "another's identity": ("GRANT PROXY ON ``@`%` TO `root`@`localhost` WITH GRANT OPTION", ["PROXY on *.*"]),
    "writing": ("GRANT SELECT, UPDATE ON `shop`.`orders` TO `u`@`h`", ["UPDATE on `shop`.`orders`"]),
    "old quotes": ("GRANT DELETE ON \"shop\".\"orders\" TO 'u'@'h'", ["DELETE on `shop`.`orders`"]),
    "limits alone": ("GRANT USAGE ON *.* TO `u`@`h` REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 5", []),
    "a partial revoke": ("REVOKE INSERT ON `mysql`.* FROM `u`@`h`", []),
}


@pytest.mark.parametrize("lines", [MARIADB, MYSQL], ids=["mariadb", "mysql"])
def test_an_account_with_what_it_needs_lacks_nothing_and_has_nothing_beyond(lines):
    privileges = parse_grants(lines)
    assert missing_privileges(privileges) == []
    assert excess_privileges(privileges, [ORDERS], "shop") == []


@pytest.mark.parametrize(("line", "named"), MORE.values(), ids=MORE)
def test_what_goes_beyond_is_named(line, named):
    assert [str(each) for each in excess_privileges(parse_grants([*MARIADB, line]), [ORDERS], "shop")] == named


def test_reading_the_log_is_beyond_what_compared_tables_need():
    compared = replace(ORDERS, strategy=Strategy.COMPARE)
    assert [str(each) for each in excess_privileges(parse_grants(MARIADB), [compared], "shop")] == [
        "REPLICATION SLAVE on *.*",
        "BINLOG MONITOR on *.*",
    ]


def test_what_the_log_needs_and_is_not_there_is_named():
    assert missing_privileges(parse_grants(["GRANT SELECT ON *.* TO `u`@`h`"])) == [
        "REPLICATION SLAVE",
        "BINLOG MONITOR (REPLICATION CLIENT)",
    ]
    assert missing_privileges(parse_grants(["GRANT ALL PRIVILEGES ON *.* TO `u`@`h`"])) == []
    assert missing_privileges(parse_grants(["GRANT ALL PRIVILEGES ON `shop`.* TO `u`@`h`"])) != []


@pytest.mark.parametrize(
    ("kind", "version", "status"),
    [
        pytest.param("mariadb", (10, 11), "BINLOG MONITOR", id="mariadb"),
        pytest.param("mariadb", (10, 4), "REPLICATION CLIENT", id="an older mariadb"),
        pytest.param("mysql", (8, 4), "REPLICATION CLIENT", id="mysql"),
    ],
)
def test_the_statements_are_the_least_that_serves(kind, version, status):
    assert required_grants([ORDERS, ODD], "shop", kind, version, ACCOUNT) == [
        f"GRANT SELECT ON `shop`.`or``ders` TO {ACCOUNT};",
        f"GRANT SELECT ON `shop`.`orders` TO {ACCOUNT};",
        f"GRANT REPLICATION SLAVE, {status} ON *.* TO {ACCOUNT};",
    ]
    assert required_grants([ODD], "shop", kind, version, ACCOUNT) == [
        f"GRANT SELECT ON `shop`.`or``ders` TO {ACCOUNT};"
    ]


@pytest.mark.parametrize(
    ("role", "asked"),
    [
        ("`reading`@`%`", "show grants for current_user() using `reading`@`%`"),
        ("NONE", "show grants"),
    ],
)
def test_the_roles_in_force_on_mysql_are_asked_for(role, asked):
    answers = {"select current_role()": [(role,)], asked: [(line,) for line in MYSQL]}
    assert show_grants(answers.__getitem__, "mysql") == MYSQL
