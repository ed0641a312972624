"""A provider that knows the names, types and nesting of aws_schema.json, and makes nothing: for validate and test.

    with StubProvider() as provider:
        terraform("validate", env=provider.environment)

Terraform speaks plugin protocol 5 with it over gRPC, and finds it by TF_REATTACH_PROVIDERS, as with a provider under a
debugger: one process answers every command. It knows no rules of values; the assertions of the modules hold those.
"""

import json
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from refera_platform_tests.infrastructure.schema import SCHEMA

ADDRESS = "registry.terraform.io/hashicorp/aws"
NESTING = {"single": 1, "list": 2, "set": 3, "map": 4}
MOST_BYTES = 256 << 20
Field = descriptor_pb2.FieldDescriptorProto
MESSAGES: Mapping[str, list[tuple[str, int, Any, bool]]] = {
    "Attribute": [
        ("name", 1, Field.TYPE_STRING, False),
        ("type", 2, Field.TYPE_BYTES, False),
        ("required", 4, Field.TYPE_BOOL, False),
        ("optional", 5, Field.TYPE_BOOL, False),
        ("computed", 6, Field.TYPE_BOOL, False),
    ],
    "NestedBlock": [
        ("type_name", 1, Field.TYPE_STRING, False),
        ("block", 2, "Block", False),
        ("nesting", 3, Field.TYPE_INT32, False),
        ("min_items", 4, Field.TYPE_INT64, False),
        ("max_items", 5, Field.TYPE_INT64, False),
    ],
    "Block": [("attributes", 2, "Attribute", True), ("block_types", 3, "NestedBlock", True)],
    "Schema": [("version", 1, Field.TYPE_INT64, False), ("block", 2, "Block", False)],
    "Entry": [("key", 1, Field.TYPE_STRING, False), ("value", 2, "Schema", False)],
    # a map on the wire is a list of entries
    "Answer": [
        ("provider", 1, "Schema", False),
        ("resource_schemas", 2, "Entry", True),
        ("data_source_schemas", 3, "Entry", True),
    ],
}
"""What is needed of tfplugin5.proto (github.com/hashicorp/terraform, docs/plugin-protocol)."""


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="stub.proto", package="stub", syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, is_many in fields:
            added = message.field.add(name=field, number=number, label=3 if is_many else 1)
            if isinstance(kind, str):
                added.type, added.type_name = Field.TYPE_MESSAGE, f".stub.{kind}"
            else:
                added.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"stub.{name}")) for name in MESSAGES}


def _answer() -> bytes:
    """The schema, as Terraform is told of it."""
    told, made = json.loads(SCHEMA.read_text()), _classes()

    def block(content: Mapping[str, Any]) -> Any:
        attributes = [
            made["Attribute"](name=name, type=json.dumps(kind).encode(), **dict.fromkeys(flags, True))
            for name, (kind, *flags) in content["attributes"].items()
        ]
        nested = [
            made["NestedBlock"](
                type_name=name,
                block=block(each["block"]),
                nesting=NESTING[each["nesting"]],
                min_items=each["least"],
                max_items=each["most"],
            )
            for name, each in content["blocks"].items()
        ]
        return made["Block"](attributes=attributes, block_types=nested)

    def entries(contents: Mapping[str, Any]) -> list[Any]:
        return [made["Entry"](key=name, value=made["Schema"](block=block(each))) for name, each in contents.items()]

    answer = made["Answer"](
        provider=made["Schema"](block=block(told["provider"])),
        resource_schemas=entries(told["resources"]),
        data_source_schemas=entries(told["data"]),
    )
    return bytes(answer.SerializeToString())


class StubProvider:
    """The provider, for as long as the ``with`` lasts."""

    def __enter__(self) -> "StubProvider":
        schema = _answer()
        answers: dict[str, Callable[[bytes, Any], bytes]] = {
            "GetSchema": lambda request, _: schema,
            # both messages have the configuration as their first field
            "PrepareProviderConfig": lambda request, _: request,
            **dict.fromkeys(
                ("ValidateResourceTypeConfig", "ValidateDataSourceConfig", "Configure", "Stop"), lambda request, _: b""
            ),
        }
        self._server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.max_send_message_length", MOST_BYTES)])
        handlers = {name: grpc.unary_unary_rpc_method_handler(answer) for name, answer in answers.items()}
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("tfplugin5.Provider", handlers)])
        alive = health.HealthServicer()
        alive.set("plugin", health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(alive, self._server)
        self._port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None)

    @property
    def environment(self) -> dict[str, str]:
        """By which Terraform finds it."""
        place = {
            "Protocol": "grpc",
            "ProtocolVersion": 5,
            "Pid": os.getpid(),
            "Test": True,
            "Addr": {"Network": "tcp", "String": f"127.0.0.1:{self._port}"},
        }
        return {"TF_REATTACH_PROVIDERS": json.dumps({ADDRESS: place})}
