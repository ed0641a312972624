"""What Terraform would make, by address; the same whether a provider made it or a mock of one."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Planned:
    """The resources of one state."""

    resources: Mapping[str, Mapping[str, Any]]
    """Values by address."""

    @classmethod
    def of(cls, module: Mapping[str, Any]) -> "Planned":
        """Read the root module of a state."""

        def found(module: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
            for each in module.get("resources", ()):
                yield each["address"], each["values"]
            for child in module.get("child_modules", ()):
                yield from found(child)

        return cls(dict(found(module)))

    def __getitem__(self, address: str) -> Mapping[str, Any]:
        return self.resources[address]

    def policy(self, address: str) -> Mapping[str, Any]:
        """The policy of a role, a bucket or by itself."""
        content: Mapping[str, Any] = json.loads(self[address]["policy"])
        return content

    def role_policies(self) -> dict[str, Mapping[str, Any]]:
        """The policy of every role, by the name of the role's resource."""
        return {address: self.policy(address) for address in self.resources if ".aws_iam_role_policy." in address}

    def policies(self) -> list[Mapping[str, Any]]:
        """Every policy of roles, buckets, keys and topics."""
        kinds = (
            "aws_iam_role_policy",
            "aws_iam_policy",
            "aws_s3_bucket_policy",
            "aws_kms_key",
            "aws_sns_topic_policy",
        )
        return [self.policy(address) for address in self.resources if any(f".{kind}." in address for kind in kinds)]
