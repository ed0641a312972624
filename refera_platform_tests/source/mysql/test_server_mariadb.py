"""What MariaDB says of itself and of its log is exact, asked of a real one."""

from contextlib import closing

import pytest

from refera_platform.source.mysql.server.mysql import MySQL
from refera_platform_tests.local_stack import root, source_of


@pytest.fixture
def source(stage, shop):
    with source_of(stage) as opened:
        yield opened


def end_of_log(shop):
    ((file, offset, *_),) = shop.ask("show master status")
    return file, offset


def test_the_server_is_told_from_every_other_one(source, shop):
    ((uid,),) = shop.ask("select @@server_uid")
    assert source.server.kind == "mariadb"
    assert source.server.identity() == f"mariadb:{uid}"


def test_a_snapshot_knows_its_place_in_the_log_to_the_byte(source, shop):
    place = end_of_log(shop)
    with source.snapshot() as cut:
        shop.run("delete from payments where checkNumber = 'C3'")
        ((gtid,),) = shop.ask(f"select binlog_gtid_pos('{place[0]}', {place[1]})")
        assert (cut.position.file, cut.position.offset, cut.position.gtid) == (*place, gtid)
        assert cut.is_exact
        assert gtid
        assert source.ask("select count(*) from payments") == [(3,)]


def test_the_gtids_of_a_place_are_those_before_it_in_the_order_of_their_domains(home, source, shop):
    with closing(root(home)) as other, other.cursor() as cursor:
        for domain, check in ((11, "C3"), (2, "C2")):
            cursor.execute(f"set session gtid_domain_id = {domain}")
            cursor.execute(f"delete from payments where checkNumber = '{check}'")
    file, offset = end_of_log(shop)
    told = source.server.gtid_at(file, offset)
    domains = [gtid.split("-")[0] for gtid in told.split(",")]
    assert domains == sorted(domains, key=int)
    assert {"0", "2", "11"} <= set(domains)
    assert source.server.gtid_at(file, 4) != told
    assert source.server.gtid_at("no'such.000001", 4) is None


def test_the_files_of_the_log_are_listed_oldest_first(source, shop):
    file, offset = end_of_log(shop)
    listed = source.server.binlog_files()
    assert listed[-1] == (file, offset)
    assert [name for name, _ in listed] == sorted(name for name, _ in listed)


def test_the_settings_of_the_log_are_those_of_the_server(source):
    found = source.server.binlog_settings()
    assert {name: found[name] for name in ("log_bin", "binlog_format", "binlog_row_image", "binlog_row_metadata")} == {
        "log_bin": "ON",
        "binlog_format": "ROW",
        "binlog_row_image": "FULL",
        "binlog_row_metadata": "FULL",
    }
    assert "binlog_row_value_options" not in found


@pytest.mark.parametrize("is_busy", [False, True])
def test_the_way_of_mysql_to_find_its_place_finds_it_here_as_well(source, shop, is_busy):
    looks = []

    def ask(sql):
        if sql == "select version()":
            return [("8.0.36",)]
        if "gtid_mode" in sql or "gtid_owned" in sql:
            return [("ON" if "mode" in sql else "",)]
        if sql == "show master status":
            looks.append(sql)
            if is_busy and len(looks) % 2 == 0:  # somebody commits between the two looks, each time
                shop.run(f"update payments set amount = amount + {len(looks)}")
        return source.ask(sql)

    before = end_of_log(shop)
    cut = MySQL(ask).begin_snapshot()
    found = (cut.position.file, cut.position.offset)
    assert cut.is_exact is not is_busy
    if not is_busy:
        assert found == before == end_of_log(shop)
    else:  # a place before the view: what lies between is told twice, and never lost
        assert before < found < end_of_log(shop)
    ((seen,),) = source.ask("select sum(amount) from payments")
    shop.run("delete from payments")
    assert source.ask("select sum(amount) from payments") == [(seen,)]
