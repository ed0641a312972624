"""What is written is what was meant, and what is read is what was written, whatever the wire does in between."""

import hashlib
from dataclasses import replace

import pytest

from refera_platform.errors import LakeError, OvertakenError
from refera_platform.lake.objects import ObjectRoot, StoredObject
from refera_platform_tests.fault_proxy import Answer, before_the_store, flipped, lost, refusal

CONTENT = b"one row and another\n" * 5_000


@pytest.fixture
def root(stage):
    return ObjectRoot(stage.lake, stage.store)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "content"
    path.write_bytes(CONTENT)
    return path


def listed(root, key) -> StoredObject:
    (item,) = root.list(key)
    return item


def without_checksum(answer: Answer) -> Answer:
    return replace(
        answer, headers=[pair for pair in answer.headers if not pair[0].lower().startswith("x-amz-checksum")]
    )


@pytest.mark.parametrize("replaces", [False, True], ids=["new", "replaced"])
@pytest.mark.parametrize("single", [1 << 30, 1], ids=["one request", "parts"])
def test_a_write_whose_answer_was_lost_is_our_own(stage, root, path, replaces, single):
    """A 412 after a retry says no more than that something is there: it may be what the first try wrote."""
    before = root.write("a", b"before") if replaces else None
    last = r"^PUT [^?]*$" if single > 1 else r"^POST .*uploadId"
    with before_the_store(stage) as (broken, proxy):
        proxy.breaks(last, lost, times=1)
        writer = ObjectRoot(stage.lake, broken.store, max_single_put_bytes=single)
        etag = writer.put("a", path, replaces=before)
        assert sum(request.startswith("HEAD") for request in proxy.requests) == 1
    assert root.read("a") == (CONTENT, etag)


def test_a_write_that_was_overtaken_changes_nothing_also_when_its_answer_was_lost(stage, root, path):
    with before_the_store(stage) as (broken, proxy):
        proxy.breaks("^PUT", lost, times=1)
        root.write("a", b"another run's")
        with pytest.raises(OvertakenError, match=r"Another run wrote .*/a meanwhile"):
            ObjectRoot(stage.lake, broken.store).put("a", path, replaces=None)
    found = root.read("a")
    assert found is not None
    assert found[0] == b"another run's"


@pytest.mark.parametrize(("times", "written"), [(2, True), (3, False)])
def test_a_store_that_is_in_the_midst_of_another_write_is_asked_again(stage, root, path, times, written):
    with before_the_store(stage) as (broken, proxy):
        proxy.refuses("^PUT", refusal(409, "ConditionalRequestConflict"), times=times)
        writer = ObjectRoot(stage.lake, broken.store)
        if written:
            writer.put("a", path, replaces=None)
        else:
            with pytest.raises(OvertakenError):
                writer.put("a", path, replaces=None)
    assert (root.read("a") is not None) is written


def test_every_write_carries_its_checksum_and_copies_keep_it(root, path):
    root.put("a", path, replaces=None)
    root.write("b", CONTENT)
    root.copy("a", "c", replaces=None)
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert {root.sha256(key) for key in ("a", "b", "c")} == {digest}
    assert root.sha256("nothing") == ""


def test_flipped_bytes_are_asked_for_again_and_never_believed(stage, root, path, tmp_path):
    root.put("a", path, replaces=None)
    item = listed(root, "a")
    with before_the_store(stage) as (broken, proxy):
        reader = ObjectRoot(stage.lake, broken.store)
        proxy.breaks("^GET", flipped, times=2)
        reader.download("a", tmp_path / "copy", etag=item.etag)
        assert (tmp_path / "copy").read_bytes() == CONTENT
        proxy.breaks("^GET", flipped)
        with pytest.raises(LakeError, match="are not those that were written"):
            reader.download("a", tmp_path / "other")
        assert not (tmp_path / "other").exists()
        with pytest.raises(LakeError, match="are not those that were written"):
            reader.read("a")


def test_a_store_that_keeps_no_checksum_of_its_own_is_checked_by_ours(stage, root, path, tmp_path):
    root.put("a", path, replaces=None)
    with before_the_store(stage) as (broken, proxy):
        proxy.breaks("^GET", lambda answer: flipped(without_checksum(answer)))
        with pytest.raises(LakeError, match="are not those that were written"):
            ObjectRoot(stage.lake, broken.store).download("a", tmp_path / "copy")


def test_an_object_of_earlier_versions_has_no_checksum_and_is_read(stage, root, tmp_path):
    bucket, _, prefix = stage.lake.removeprefix("s3://").partition("/")
    root._client.put_object(Bucket=bucket, Key=f"{prefix}/old", Body=CONTENT)
    item = listed(root, "old")
    root.download("old", tmp_path / "copy", etag=item.etag)
    assert (tmp_path / "copy").read_bytes() == CONTENT
    with pytest.raises(LakeError, match="are not those that were written"):  # the reader may know better
        root.download("old", tmp_path / "copy", sha256=hashlib.sha256(b"else").hexdigest())


def test_an_object_is_read_as_it_was_listed_or_not_at_all(root, path, tmp_path):
    root.put("a", path, replaces=None)
    item = listed(root, "a")
    root.write("a", b"another")
    with pytest.raises(OvertakenError, match="cannot be read as it was listed"):
        root.download("a", tmp_path / "copy", etag=item.etag)


def test_a_copy_that_comes_late_meets_another_object_and_changes_nothing(root):
    """A client that gives up on a copy does not end it at the server."""
    root.write("ours", b"ours")
    root.write("theirs", b"theirs")
    before = root.copy("ours", "fixed", replaces=None)
    root.copy("theirs", "fixed", replaces=before)
    for condition in (None, before):
        with pytest.raises(OvertakenError):
            root.copy("ours", "fixed", replaces=condition)
    found = root.read("fixed")
    assert found is not None
    assert found[0] == b"theirs"
    assert listed(root, "fixed").etag == listed(root, "theirs").etag
