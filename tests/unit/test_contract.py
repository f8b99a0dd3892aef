# SPDX-License-Identifier: Apache-2.0
"""The published schemas are those of the program, and what the program says keeps to them."""

import struct
from typing import Any, get_args, get_origin

import msgspec
import pytest
from msgspec.inspect import type_info

from core.effects import AnyDecision, OrderUnit
from core.ids import CountyCode, IncidentId, OrderId, UnitId
from device_adapters.fixes.desk import RECORD
from device_adapters.mqtt import codec
from gateway import contract
from gateway.publish.keys import DECISION_TYPES

RENEW = (
    "renew it with `python -m gateway.contract`, and read docs/contract/README.md: is this change allowed?"
)

Json = dict[str, Any]


def test_the_files_are_those_of_the_program() -> None:
    there = {path.name: path.read_bytes() for path in contract.FOLDER.glob(f"*{contract.SUFFIX}")}

    made = contract.files()

    assert sorted(there) == sorted(made), RENEW
    for name, text in made.items():
        assert there[name] == text, f"{name} is not what the program does: {RENEW}"


def test_everything_that_is_published_has_a_schema_and_a_line_in_the_contract() -> None:
    page = (contract.FOLDER / "README.md").read_text("utf-8")

    assert set(DECISION_TYPES) == set(get_args(AnyDecision)) == set(contract.DECISIONS.values())
    for name in (*contract.DECISIONS, *contract.PAYLOADS):
        assert f"({name}{contract.SUFFIX})" in page, f"docs/contract/README.md does not name {name}"


@pytest.mark.parametrize("name", contract.DECISIONS)
@pytest.mark.parametrize("full", [False, True], ids=["defaults", "full"])
def test_a_decision_keeps_to_its_schema(name: str, full: bool) -> None:
    said = msgspec.convert(_example(contract.DECISIONS[name], full), contract.DECISIONS[name])

    read = msgspec.json.decode(msgspec.json.encode(said))

    assert read["type"] == name
    assert faults(read, contract.schemas()[name]) == []


def test_an_order_keeps_to_its_schema() -> None:
    order = OrderUnit(
        county=CountyCode("330302"),
        unit_id=UnitId("P7"),
        order_id=OrderId("o18"),
        incident_id=IncidentId("i17"),
        version=2,
        level=1,
        category="",
        lat=None,
        lon=None,
        address="",
        text="",
        deadline=1_800_000_000,
        cancelled=True,
    )

    read = msgspec.json.decode(codec.encode_order(order))

    assert read["cancelled"] is True
    assert faults(read, contract.schemas()["order"]) == []


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("position", {"_type": "location", "lat": 28.0, "lon": 120.7, "tst": 1_800_000_000, "acc": 5}),
        ("status", {"status": "available"}),
        ("event", {"event": "man_down", "lat": None}),
        ("link", "offline"),
        ("link", {"link": "online"}),
        ("ack", {"order_id": "o18", "ack": "signed", "version": 2}),
    ],
)
def test_what_a_radio_may_send_keeps_to_its_schema(name: str, payload: Any) -> None:
    assert faults(payload, contract.schemas()[name]) == []


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("position", {"lat": "28", "lon": 120.7, "tst": 0}),
        ("status", {"status": "asleep"}),
        ("ack", {"ack": "signed"}),
        ("link", "away"),
    ],
)
def test_the_schemas_refuse_what_the_program_refuses(name: str, payload: Any) -> None:
    assert faults(payload, contract.schemas()[name]) != []


def test_a_position_record_has_twenty_bytes() -> None:
    assert RECORD.size == struct.calcsize("<IiiIHH") == 20


def _example(kind: Any, full: bool) -> Any:
    """Return plain data for a type: the required fields, or all of them."""
    info = type_info(kind) if not isinstance(kind, msgspec.inspect.Type) else kind
    match info:
        case msgspec.inspect.StructType(fields=fields, tag=tag, tag_field=tag_field):
            said = {field.name: _example(field.type, full) for field in fields if field.required or full}
            return {**said, **({tag_field: tag} if tag_field else {})}
        case msgspec.inspect.UnionType(types=types):
            return None if info.includes_none and not full else _example(types[0], full)
        case msgspec.inspect.LiteralType(values=values):
            return values[0]
        case msgspec.inspect.VarTupleType(item_type=item) | msgspec.inspect.ListType(item_type=item):
            return [_example(item, full)]
        case msgspec.inspect.DictType(value_type=value):
            return {"busy": _example(value, full)}
        case msgspec.inspect.StrType():
            return "330302"
        case msgspec.inspect.BoolType():
            return True
        case msgspec.inspect.IntType() | msgspec.inspect.FloatType():
            return 1
        case msgspec.inspect.NoneType():
            return None
    raise AssertionError(f"no example for {get_origin(kind) or kind}")


KINDS: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
    "object": dict,
    "array": list,
}


def faults(said: Any, schema: Json, root: Json | None = None, at: str = "$") -> list[str]:
    """Return what is wrong with `said`, by the part of JSON Schema that msgspec writes."""
    root = root if root is not None else schema
    if "$ref" in schema:
        return faults(said, root["$defs"][schema["$ref"].rpartition("/")[2]], root, at)
    if "anyOf" in schema:
        tried = [faults(said, each, root, at) for each in schema["anyOf"]]
        return [] if [] in tried else tried[0]
    if "enum" in schema:
        return [] if said in schema["enum"] else [f"{at}: {said!r} is none of {schema['enum']}"]
    kind = schema.get("type", "")
    if kind and (not isinstance(said, KINDS[kind]) or (isinstance(said, bool) and kind != "boolean")):
        return [f"{at}: {said!r} is no {kind}"]
    wrong = [f"{at}: {name} is missing" for name in schema.get("required", ()) if name not in said]
    if isinstance(said, dict):
        parts = schema.get("properties", {})
        other = schema.get("additionalProperties", {})
        for name, value in said.items():
            wrong += faults(
                value, parts.get(name, other if isinstance(other, dict) else {}), root, f"{at}.{name}"
            )
    if isinstance(said, list):
        for place, value in enumerate(said):
            wrong += faults(value, schema.get("items", {}), root, f"{at}[{place}]")
    return wrong
