"""The bucket of the private S3, asked as the platform will ask it: is an object written and read again?"""

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from refera_platform.local.address import StoreAddress

PROBE = ".refera-stack-probe"


class Bucket:
    """The bucket, asked as the platform will ask it."""

    def __init__(self, address: StoreAddress) -> None:
        self._bucket = address.bucket
        # neither the user's AWS profile nor the office's proxy has to do with a server on this machine
        own = botocore.session.Session(session_vars={"profile": (None, [], None, None)})
        self._client = boto3.session.Session(botocore_session=own).client(
            "s3", endpoint_url=address.endpoint, region_name=address.region, aws_access_key_id=address.access_key,
            aws_secret_access_key=address.secret_key,
            config=Config(
                s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, connect_timeout=2,
                read_timeout=5, proxies={},
            ),
        )  # fmt: skip

    def trouble(self) -> str:
        """Why an object cannot be written and read again; empty when it can."""
        try:
            self._client.put_object(Bucket=self._bucket, Key=PROBE, Body=b"ready")
            self._client.get_object(Bucket=self._bucket, Key=PROBE)["Body"].read()
            self._client.delete_object(Bucket=self._bucket, Key=PROBE)
        except ClientError as refused:
            if refused.response["Error"]["Code"] == "NoSuchBucket":
                return self._made()
            return str(refused)
        except BotoCoreError as refused:
            return str(refused)
        return ""

    def _made(self) -> str:
        try:
            self._client.create_bucket(Bucket=self._bucket)
        except (ClientError, BotoCoreError) as refused:
            return str(refused)
        return "the bucket was made just now"
