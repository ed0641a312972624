"""What other engines read is what the manifest in force names, whoever published at the same time, and how it broke off."""

import hashlib
import re
import threading
from dataclasses import replace

import pytest

from refera_platform.errors import WarehouseError
from refera_platform.lake.objects import ObjectRoot
from refera_platform.warehouse.publish.fixed_keys import find_differences, list_objects_by_key, with_fixed_key_etags
from refera_platform.warehouse.publish.manifest import MANIFEST_KEY, fixed_key, object_key, read_publication
from refera_platform_tests.fault_proxy import before_the_store, lost, refusal
from refera_platform_tests.warehouse.test_publish import fixed, sell, there


def wrong_keys(stage) -> tuple[str, ...]:
    """Fixed keys whose bytes are not those that the manifest names."""
    root = ObjectRoot(stage.warehouse, stage.store)
    wrong = []
    for key, item in fixed(read_publication(root)).items():
        found = root.read(key)
        if found is None or hashlib.sha256(found[0]).hexdigest() != item.sha256:
            wrong.append(key)
    return tuple(wrong)


FIXED_COPY = r"^PUT [^?]*/warehouse/[^_?][^?]*part-0\.parquet$"
MANIFEST_PUT = r"^PUT [^?]*/_manifest\.json$"


class Gate:
    """Holds the first request of a kind until it is opened."""

    def __init__(self, pattern: str) -> None:
        self.pattern, self.reached, self.opened = re.compile(pattern), threading.Event(), threading.Event()

    def __call__(self, request: str) -> None:
        if self.pattern.search(request):
            self.reached.set()
            assert self.opened.wait(60)


@pytest.mark.parametrize("held", [FIXED_COPY, MANIFEST_PUT], ids=["committed first", "not committed"])
def test_a_run_that_another_one_overtook_shows_no_engine_anything_of_its_own(stage, held):
    """The worst interleaving: one run stands before its first copy, or its manifest, while another one publishes."""
    sell(stage, 1)
    gate, ended = Gate(held), list[BaseException | None]()

    def publish_slowly(slow):
        try:
            sell(slow, 3)
            ended.append(None)
        except WarehouseError as error:
            ended.append(error)

    with before_the_store(stage) as (slow, proxy):
        proxy.before = gate
        loser = threading.Thread(target=publish_slowly, args=(slow,))
        loser.start()
        assert gate.reached.wait(60)
        sell(stage, 5)
        assert wrong_keys(stage) == ()
        gate.opened.set()
        loser.join()
    assert read_publication(ObjectRoot(stage.warehouse, stage.store)).run_id == "5"
    assert wrong_keys(stage) == ()
    if held == MANIFEST_PUT:
        assert "Another run published meanwhile, so this one published nothing" in str(ended[0])
    else:
        assert ended == [None]


def test_a_run_that_finds_another_manifest_after_its_copies_puts_that_ones_objects_there(stage, monkeypatch):
    """As with a store that makes copies whatever the condition."""
    sell(stage, 1)
    whole = ObjectRoot.copy

    def unconditional(root, source, key, *, replaces, size_bytes=0):
        there = [item.etag for item in root.list(key)]
        return whole(root, source, key, replaces=there[0] if there else None, size_bytes=size_bytes)

    monkeypatch.setattr(ObjectRoot, "copy", unconditional)
    gate = Gate(FIXED_COPY)
    with before_the_store(stage) as (slow, proxy):
        proxy.before = gate
        overtaken = threading.Thread(target=sell, args=(slow, 3))
        overtaken.start()
        assert gate.reached.wait(60)
        sell(stage, 5)
        gate.opened.set()
        overtaken.join()
    assert read_publication(ObjectRoot(stage.warehouse, stage.store)).run_id == "5"
    assert wrong_keys(stage) == ()


def test_a_copy_that_came_late_is_found_by_the_comparison_and_mended_by_the_next_publication(stage):
    root = ObjectRoot(stage.warehouse, stage.store)
    old = object_key("ans_sales", sell(stage, 1).models["ans_sales"].objects[0])
    now, key = sell(stage, 3), fixed_key("ans_sales")
    assert find_differences(root, now, list_objects_by_key(root)).message == ""
    root.copy(old, key, replaces=list_objects_by_key(root)[key].etag)
    root.remove(fixed_key("fct_sales", "2026-01", "sold_in"))
    root.copy(old, fixed_key("fct_sales", "2025-12", "sold_in"), replaces=None)
    found = find_differences(root, now, list_objects_by_key(root))
    assert set(found.keys) == {
        key,
        fixed_key("fct_sales", "2026-01", "sold_in"),
        fixed_key("fct_sales", "2025-12", "sold_in"),
    }
    assert found.message.startswith("3 of the 4 keys that other engines read do not hold what the manifest names")
    sell(stage, 3)  # the same content: nothing but the comparison asks for a copy
    assert wrong_keys(stage) == ()
    assert fixed_key("fct_sales", "2025-12", "sold_in") not in there(stage)


def test_a_refusal_in_the_midst_says_that_engines_see_a_mixture(stage):
    sell(stage, 1)
    with before_the_store(stage) as (broken, proxy):
        proxy.refuses(FIXED_COPY, refusal(403, "AccessDenied"), times=2)
        with pytest.raises(WarehouseError) as told:
            sell(broken, 3)
    assert "Publication 3 is complete" in str(told.value)
    assert "other engines see a mixture of it and the previous one: 2 of 4 keys could not be written" in str(told.value)
    assert "AccessDenied" in str(told.value)
    assert told.value.remedy.endswith("then `refera run` corrects them.")
    assert read_publication(ObjectRoot(stage.warehouse, stage.store)).run_id == "3"
    sell(stage, 5)
    assert wrong_keys(stage) == ()


@pytest.mark.parametrize("step", [FIXED_COPY, MANIFEST_PUT], ids=["copies", "manifest"])
def test_a_publication_whose_answers_were_lost_is_a_publication(stage, step):
    sell(stage, 1)
    with before_the_store(stage) as (broken, proxy):
        proxy.breaks(step, lost, times=3)
        sell(broken, 3)
    assert read_publication(ObjectRoot(stage.warehouse, stage.store)).run_id == "3"
    assert wrong_keys(stage) == ()


def test_where_an_etag_is_no_hash_of_the_bytes_the_keys_are_asked_for_once(stage, monkeypatch):
    """Keys of a KMS give each copy an ETag of its own."""
    root, asked = ObjectRoot(stage.warehouse, stage.store), list[str]()
    whole, whole_sha256 = ObjectRoot.list, ObjectRoot.sha256

    def odd(own, prefix=""):
        for item in whole(own, prefix):
            yield replace(item, etag=f'"{hashlib.md5(item.key.encode(), usedforsecurity=False).hexdigest()}"')

    first, now = sell(stage, 1), sell(stage, 3)
    monkeypatch.setattr(ObjectRoot, "list", odd)
    monkeypatch.setattr(ObjectRoot, "sha256", lambda own, key: asked.append(key) or whole_sha256(own, key))
    assert first.models != now.models
    listing = list_objects_by_key(root)
    assert find_differences(root, now, listing).keys == ()
    assert sorted(asked) == sorted(fixed(now))
    asked.clear()
    known = replace(now, models=with_fixed_key_etags(root, now.models, now, listing))
    asked.clear()
    assert find_differences(root, known, listing).keys == ()
    assert asked == []


def test_an_object_that_may_be_removed_at_any_moment_is_sent_again(stage):
    """Another run that found it too old may be about to remove it."""
    root = ObjectRoot(stage.warehouse, stage.store)
    old = object_key("ans_sales", sell(stage, 1).models["ans_sales"].objects[0])
    now = sell(stage, 3)
    aged = replace(now, retired=dict.fromkeys(now.retired, "2020-01-01T00:00:00+00:00"))
    root.write(MANIFEST_KEY, aged.to_json().encode())
    with before_the_store(stage) as (watched, proxy):
        sell(watched, 1)
    assert [request for request in proxy.requests if request.startswith("PUT") and request.endswith(old)]
    assert root.read(old) is not None
