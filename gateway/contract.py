# SPDX-License-Identifier: Apache-2.0
"""The contract with the outside as JSON Schema: one file for each decision type and each MQTT payload.

`python -m gateway.contract` writes them to docs/contract/. A test makes them again in memory and compares, so
that no field changes by accident. They are made from the Structs the program itself encodes and decodes, and
the sentence under a field becomes its description.
"""

import ast
import inspect
import sys
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from typing import Any, Literal, get_args

import msgspec

from core.effects import AnyDecision
from device_adapters.mqtt.codec import (
    AckSaid,
    EventSaid,
    JunctionSaid,
    LinkSaid,
    OrderSays,
    PositionSaid,
    StatusSaid,
)
from device_adapters.mqtt.prompts import PromptSays

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "contract"
SUFFIX = ".schema.json"
DRAFT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]

DECISIONS: dict[str, Any] = {str(kind.__struct_config__.tag): kind for kind in get_args(AnyDecision)}
"{type field of a stream entry: Struct of its data}"

PAYLOADS: dict[str, Any] = {
    "position": PositionSaid,
    "status": StatusSaid,
    "event": EventSaid,
    "link": LinkSaid | Literal["online", "offline"],
    "ack": AckSaid,
    "order": OrderSays,
    "prompt": PromptSays,
    "traffic": JunctionSaid,
}
"{what an MQTT payload is: what it is read into or written from}. A topic's last word is `orders`, `acks`."


def schemas() -> dict[str, Schema]:
    """Return every schema by name."""
    return {name: _schema(name, kind) for name, kind in {**DECISIONS, **PAYLOADS}.items()}


def files() -> dict[str, bytes]:
    """Return every file of the contract: name and bytes."""
    return {
        f"{name}{SUFFIX}": msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"
        for name, schema in schemas().items()
    }


def write(folder: Path) -> list[str]:
    """Write them all, remove those of types that are no more, and return the names written."""
    made = files()
    for old in folder.glob(f"*{SUFFIX}"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (folder / name).write_bytes(text)
    return sorted(made)


def _schema(name: str, kind: Any) -> Schema:  # noqa: ANN401  a Struct or a union with one
    whole: Schema = msgspec.json.schema(kind)
    parts: dict[str, Schema] = whole.pop("$defs")
    structs = _structs(kind, parts)
    for part, struct in structs.items():
        _describe(parts[part], struct)
    if set(whole) == {"$ref"}:
        whole = parts.pop(whole["$ref"].rpartition("/")[2])
    head = {"$schema": DRAFT, "$id": f"urn:gateway110:contract:{name}", **whole, "title": name}
    return {**head, "$defs": parts} if parts else head


def _structs(kind: Any, parts: dict[str, Schema]) -> dict[str, type[msgspec.Struct]]:  # noqa: ANN401
    """Return the Struct behind each named part; all stand in one module."""
    first = next(each for each in (kind, *get_args(kind)) if isinstance(each, type))
    module = vars(sys.modules[first.__module__])
    return {part: module[part] for part in parts}


def _describe(part: Schema, struct: type[msgspec.Struct]) -> None:
    for field, sentence in _sentences(struct).items():
        if field in part["properties"]:
            part["properties"][field]["description"] = sentence


def _sentences(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return what stands under each field in the source, base classes first."""
    found: dict[str, str] = {}
    for part in reversed(struct.__mro__):
        if not issubclass(part, msgspec.Struct) or part is msgspec.Struct:
            continue
        (definition,) = ast.parse(dedent(inspect.getsource(part))).body
        assert isinstance(definition, ast.ClassDef), "the source of a class is a class"
        for line, below in pairwise(definition.body):
            match line, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=field)),
                    ast.Expr(value=ast.Constant(value=str(sentence))),
                ):
                    found[field] = " ".join(sentence.split())
    return found


if __name__ == "__main__":
    sys.stdout.write("".join(f"{name}\n" for name in write(FOLDER)))
