"""The schema of the AWS provider for the resources that deploy/terraform uses, out of the classes made for it.

    python -m refera_platform_tests.infrastructure.schema provider-aws.tgz     ──▶ aws_schema.json

The archive is the npm package @cdktn/provider-aws, whose classes are generated from the schema of the official provider
(npm pack @cdktn/provider-aws@25.7.0 has provider 6.66.0). Renew it when a module uses a resource that is not in it.
"""

import json
import re
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refera_platform_tests.house.tree import ROOT

SCHEMA = Path(__file__).with_name("aws_schema.json")
TERRAFORM = ROOT / "deploy/terraform"
DECLARED = re.compile(r'^(resource|data) "(aws_\w+)"', re.MULTILINE)
COMMENT = re.compile(
    r"// (\w+) - computed: (\w+), optional: (\w+), required: (\w+)\n(.*?)(?=\n    // \w+ - |\Z)", re.DOTALL
)
WRITTEN = re.compile(
    r"^ +(\w+): \{\s+value: (.*?),\s+isBlock: (\w+),\s+type: \"(\w+)\",\s+storageClassType: \"(\w+)\"",
    re.MULTILINE,
)
SIMPLE: dict[str, Any] = {
    "string": "string",
    "number": "number",
    "boolean": "bool",
    "any": "dynamic",
    "stringList": ["list", "string"],
    "numberList": ["list", "number"],
    "stringMap": ["map", "string"],
    "booleanMap": ["map", "bool"],
}
GETTERS: dict[str, Any] = {
    "getStringAttribute": "string",
    "getNumberAttribute": "number",
    "getBooleanAttribute": "bool",
    "getListAttribute": ["list", "string"],
    "getNumberListAttribute": ["list", "number"],
    "getStringMapAttribute": ["map", "string"],
    "StringMap": ["map", "string"],
    "getAnyMapAttribute": ["map", "string"],
}


@dataclass(frozen=True)
class Source:
    """One generated file: its classes, and what each of them writes as HCL."""

    classes: dict[str, str]
    written: dict[str, str]

    @classmethod
    def of(cls, text: str) -> "Source":
        """Cut the text of a file into its parts."""
        classes = dict(re.findall(r"^class (\w+) extends [\w.]+ \{\n(.*?)^\}", text, re.DOTALL | re.MULTILINE))
        functions = re.findall(r"^function (\w+)ToHclTerraform\(struct\) \{\n(.*?)^\}", text, re.DOTALL | re.MULTILINE)
        return cls(classes, dict(functions))

    def resource(self) -> dict[str, Any]:
        """The block of the resource itself, whose class is the last one."""
        body = self.classes[list(self.classes)[-1]]
        return self._block(body, body.partition("synthesizeHclAttributes() {")[2])

    def _nested(self, function: str) -> dict[str, Any]:
        name = function[0].upper() + function[1:]
        return self._block(self.classes.get(f"{name}OutputReference", ""), self.written[function])

    def _block(self, body: str, writing: str) -> dict[str, Any]:
        written = {name: rest for name, *rest in WRITTEN.findall(writing)}
        attributes, blocks = {}, {}
        for name, computed, optional, required, text in COMMENT.findall(body):
            if name in written and written[name][1] == "true":
                value, _, kind, _ = written[name]
                function = re.search(r"(\w+)ToHclTerraform", value)
                assert function, value
                is_many = "listMapperHcl" in value
                blocks[name] = {
                    "nesting": {"struct": "single"}.get(kind, kind),
                    "least": int(required == "true"),
                    "most": 0 if is_many or kind == "struct" else 1,
                    "block": self._nested(function[1]),
                }
            else:
                flags = {"required": required, "optional": optional, "computed": computed}
                told = [flag for flag, is_set in flags.items() if is_set == "true"]
                attributes[name] = [self._type(written.get(name), text), *told]
        if not body:  # of blocks of the provider only what they write is told
            attributes = {name: [SIMPLE[rest[3]], "optional"] for name, rest in written.items()}
        return {"attributes": attributes, "blocks": blocks}

    def _type(self, written: list[str] | None, text: str) -> Any:
        if written:
            kind = SIMPLE[written[3]]
            return ["set", kind[1]] if written[2] == "set" and isinstance(kind, list) else kind
        if getter := re.search(r"this\.(get\w+Attribute)\(", text):
            return GETTERS[getter[1]]
        made = re.search(r"new (?:cdktn\.)?(\w+)\(", text)
        assert made, text
        if made[1] in GETTERS:
            return GETTERS[made[1]]
        body = self.classes[made[1].removesuffix("List") + "OutputReference"]
        return [
            "list",
            ["object", {name: self._type(None, rest) for name, *_, rest in COMMENT.findall(body)}],
        ]


def used() -> Iterator[tuple[str, str]]:
    """``resource`` or ``data``, and the type, of everything that the modules declare."""
    texts = (path.read_text() for path in sorted(TERRAFORM.rglob("*.tf")))
    yield from sorted({found for text in texts for found in DECLARED.findall(text)})


def main(archive: str) -> None:
    """Write the schema of everything that is used."""
    resources: dict[str, Any] = {}
    data: dict[str, Any] = {}
    with tarfile.open(archive) as package:
        read = lambda name: package.extractfile(f"package/lib/{name}/index.js").read().decode()  # type: ignore[union-attr]  # noqa: E731
        for kind, name in used():
            folder = name.removeprefix("aws_").replace("_", "-")
            text = read(folder if kind == "resource" else f"data-aws-{folder}")
            version = re.search(r"providerVersion: '([\d.]+)'", text)
            (resources if kind == "resource" else data)[name] = Source.of(text).resource()
        provider = Source.of(read("provider")).resource()
    assert version
    told = {"version": version[1], "provider": provider, "resources": resources, "data": data}
    SCHEMA.write_text(json.dumps(told, separators=(",", ":"), sort_keys=True) + "\n")
    sys.stdout.write(f"{SCHEMA.name}: provider {version[1]}, {len(resources)} resources, {len(data)} data sources\n")


if __name__ == "__main__":
    main(sys.argv[1])
