"""Terraform as the tests call it: with no setting of this machine, no network, and every word of it in the answer."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from refera_platform_tests.infrastructure.schema import TERRAFORM

MODULES = {
    path.relative_to(TERRAFORM).as_posix(): path
    for path in [TERRAFORM, TERRAFORM / "bootstrap", *sorted((TERRAFORM / "modules").iterdir())]
}


def terraform(
    folder: Path, *words: str, settings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command of Terraform in a folder.

    Args:
        folder: Where the module is.
        words: The command.
        settings: Environment beside PATH and HOME.
    """
    configuration = folder / ".terraformrc"
    if not configuration.exists():
        configuration.write_text("disable_checkpoint = true\n")
    told = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1",
        "TF_CLI_CONFIG_FILE": str(configuration), **(settings or {}),
    }  # fmt: skip
    return subprocess.run(
        ["terraform", f"-chdir={folder}", *words], env=told, capture_output=True, text=True
    )


def copied(target: Path) -> Path:
    """A copy of everything below deploy/terraform."""
    left_out = shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfvars", "backend.hcl")
    return Path(shutil.copytree(TERRAFORM, target, ignore=left_out))
