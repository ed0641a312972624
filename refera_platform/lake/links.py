"""Where a browser finds an object of a store; no link carries a login, so the local stack's objects have none.

s3://bucket/key ──▶ http(s)://…
"""

from urllib.parse import quote

from refera_platform.settings.object_store import ObjectStore


def object_page_url(store: ObjectStore, url: str) -> str:
    """The address at which an object opens as a page, for a browser that may read the bucket.

    Args:
        store: What the bucket lies in.
        url: ``s3://bucket/key``.

    Returns:
        Empty for a store that answers its own keys alone, as the local one: a browser has none to sign with.
    """
    bucket, _, key = url.removeprefix("s3://").partition("/")
    path = quote(key, safe="/=")
    if store.access_key:
        return ""
    if store.endpoint:
        return f"{store.endpoint.rstrip('/')}/{bucket}/{path}"
    return f"https://{bucket}.s3.{store.region}.amazonaws.com/{path}"


def object_console_url(store: ObjectStore, url: str) -> str:
    """The address at which a person who may see an object looks at it: in AWS its console asks for their login."""
    if store.access_key or store.endpoint:
        return object_page_url(store, url)
    bucket, _, key = url.removeprefix("s3://").partition("/")
    kind = "object" if key.endswith(".parquet") else "buckets"
    return (
        f"https://{store.region}.console.aws.amazon.com/s3/{kind}/{bucket}"
        f"?region={store.region}&prefix={quote(key, safe='')}"
    )
