"""Links to objects of a store for a browser. No link contains credentials, so objects of the local stack have none.

s3://bucket/key ──▶ http(s)://…
"""

from urllib.parse import quote

from refera_platform.settings.object_store import ObjectStore


def object_page_url(store: ObjectStore, url: str) -> str:
    """The HTTP address of an object, for a browser that may read the bucket.

    Args:
        store: Store of the bucket.
        url: ``s3://bucket/key``.

    Returns:
        The address; empty for a store with its own access key, like the local one, where a browser cannot sign.
    """
    bucket, _, key = url.removeprefix("s3://").partition("/")
    path = quote(key, safe="/=")
    if store.access_key:
        return ""
    if store.endpoint:
        return f"{store.endpoint.rstrip('/')}/{bucket}/{path}"
    return f"https://{bucket}.s3.{store.region}.amazonaws.com/{path}"


def object_console_url(store: ObjectStore, url: str) -> str:
    """The address at which a person looks at an object: in AWS its console, which asks for their login."""
    if store.access_key or store.endpoint:
        return object_page_url(store, url)
    bucket, _, key = url.removeprefix("s3://").partition("/")
    kind = "object" if key.endswith(".parquet") else "buckets"
    return (
        f"https://{store.region}.console.aws.amazon.com/s3/{kind}/{bucket}"
        f"?region={store.region}&prefix={quote(key, safe='')}"
    )
