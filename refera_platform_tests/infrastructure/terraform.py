"""Terraform as the tests call it: with no setting of this machine, no network, and every word of it in the answer."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from refera_platform_tests.infrastructure.schema import TERRAFORM

FOLDERS = [".", "bootstrap", *(f"modules/{path.name}" for path in sorted((TERRAFORM / "modules").iterdir()))]
"""Everything that can be validated by itself."""


@dataclass(frozen=True)
class Terraform:
    """Terraform with a provider."""

    environment: Mapping[str, str]
    """How it finds the provider."""
    configuration: str = field(default="disable_checkpoint = true\n")
    """Text of its configuration file."""

    def run(self, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a folder; the answer is not looked at."""
        told = folder / ".terraformrc"
        told.write_text(self.configuration)
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
            "TF_CLI_CONFIG_FILE": str(told),
            "AWS_EC2_METADATA_DISABLED": "true",
            **self.environment,
        }
        asked = ["terraform", f"-chdir={folder}", words[0], "-no-color", *words[1:]]
        return subprocess.run(asked, env=variables, capture_output=True, text=True)

    def did(self, folder: Path, *words: str) -> str:
        """What a command says that must succeed."""
        done = self.run(folder, *words)
        assert done.returncode == 0, f"terraform {' '.join(words)}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def copied(target: Path) -> Path:
    """A copy of everything below deploy/terraform."""
    left_out = shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfvars", "backend.hcl")
    return Path(shutil.copytree(TERRAFORM, target, ignore=left_out))
