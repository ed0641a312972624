"""Findings of the doctor as tests ask for them, and accounts of the server with the rights that a test gives."""

from contextlib import closing, contextmanager
from dataclasses import replace

import pymysql
import pytest

from refera_platform.sandbox import stack
from refera_platform.source.doctor.binlog import examine_binlog, examine_column_names
from refera_platform.source.doctor.finding import Verdict
from refera_platform.source.doctor.privileges import parse_grants, show_grants


@pytest.fixture
def root(home):
    """The server's owner, who can break anything."""
    server = stack.stack_status(home).address.mariadb
    with closing(
        pymysql.connect(unix_socket=server.socket, user="root", password=server.root.password, autocommit=True)
    ) as connection:

        def run(sql):
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall())

        yield run


def only(findings, about):
    """The one finding about something."""
    (found,) = [each for each in findings if each.about == about]
    return found


def troubled(findings):
    return [each for each in findings if each.verdict is not Verdict.OK]


@contextmanager
def account(stage, root, *statements):
    """The stage for an account of one's own that may do what the statements say."""
    root("create user narrow@'127.0.0.1' identified by 'narrow'")
    try:
        for statement in statements:
            root(statement.format(account="narrow@'127.0.0.1'"))
        narrow = replace(stage.databases["classicmodels"], user="narrow", password="narrow")
        yield replace(stage, databases={"classicmodels": narrow})
    finally:
        root("drop user narrow@'127.0.0.1'")


def log_findings(source, needed=None, since=None):
    privileges = parse_grants(show_grants(source.ask, source.server.kind))
    named = examine_column_names("shop", source.server.binlog_settings())
    return [named, *examine_binlog(source, "shop", privileges, needed, since)]
