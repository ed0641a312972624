"""Probe of the local S3 bucket with the platform's own client: can an object be written and read?"""

from botocore.exceptions import BotoCoreError, ClientError

from refera_platform.aws import s3_client
from refera_platform.sandbox.stack_file import StoreAddress
from refera_platform.settings.object_store import ObjectStore

PROBE_KEY = ".refera-stack-probe"


class BucketProbe:
    """Probe of the bucket; creates it when it is missing."""

    def __init__(self, address: StoreAddress, *, timeout_seconds: float = 60) -> None:
        self._bucket = address.bucket
        store = ObjectStore(
            endpoint=address.endpoint,
            region=address.region,
            access_key=address.access_key,
            secret_key=address.secret_key,
        )
        self._client = s3_client(store, max_attempts=1, read_timeout_seconds=timeout_seconds)

    def is_answering(self) -> bool:
        """Whether it can be listed."""
        try:
            self._client.list_objects_v2(Bucket=self._bucket, MaxKeys=1)
        except (ClientError, BotoCoreError):
            return False
        return True

    def unready_reason(self) -> str:
        """Why an object cannot be written and read back; empty when it can."""
        try:
            self._client.put_object(Bucket=self._bucket, Key=PROBE_KEY, Body=b"ready")
            self._client.get_object(Bucket=self._bucket, Key=PROBE_KEY)["Body"].read()
            self._client.delete_object(Bucket=self._bucket, Key=PROBE_KEY)
        except ClientError as refused:
            if refused.response["Error"]["Code"] == "NoSuchBucket":
                return self._create_bucket()
            return str(refused)
        except BotoCoreError as refused:
            return str(refused)
        return ""

    def _create_bucket(self) -> str:
        try:
            self._client.create_bucket(Bucket=self._bucket)
        except (ClientError, BotoCoreError) as refused:
            return str(refused)
        return "the bucket was made just now"
