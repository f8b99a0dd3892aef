# SPDX-License-Identifier: Apache-2.0
"""The documents keep up with the program: links lead somewhere, the example configuration is the whole one."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.ids import CountyCode
from device_adapters.sip.settings import SipSettings, Trunk
from gateway.config import Config, load

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "run" / "gateway.toml"
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
SETTING = re.compile(r"^#(\w+) = ", re.MULTILINE)

# Made of pieces, so that this file does not name them.
HOSTS = [
    ".".join(parts)
    for parts in (("pypi", "org"), ("pythonhosted", "org"), ("registry", "npmjs"), ("npmmirror", ""))
]
PATHS = ["/" + part for part in ("tmp/", "work/", "root/", "home/[a-z]")]
FORBIDDEN = re.compile("|".join([*map(re.escape, HOSTS), *(rf"(?<![\w.$}}-]){path}" for path in PATHS)]))


def tracked() -> list[Path]:
    """Return the files of the project, those not yet added too."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def pages() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".md"]


def test_every_link_leads_to_a_file() -> None:
    dead = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages()
        for target in LINK.findall(_without_code(page.read_text("utf-8")))
        if not re.match(r"[a-z]+:", target) and not _leads_somewhere(page, target)
    ]

    assert dead == []


def test_the_example_configuration_is_read() -> None:
    config = load(EXAMPLE, {})

    assert config.sip.trunks, "the example shows a trunk"


def test_the_example_configuration_has_every_setting_and_no_other() -> None:
    assert sorted(_settings_in(_uncommented())) == sorted(_settings_of(Config))


def test_a_commented_setting_of_the_example_shows_the_default() -> None:
    commented = set(_settings_in(_uncommented())) - set(_settings_in(EXAMPLE.read_text("utf-8")))
    trunk = Trunk(name="", addresses=(), county=CountyCode("330302"))
    shown = tomllib.loads(_uncommented())
    defaults = msgspec.to_builtins(Config(sip=SipSettings(trunks=(trunk,))))

    wrong = {name: _at(shown, name) for name in commented if _at(shown, name) != _at(defaults, name)}

    assert wrong == {}


def test_every_decision_is_in_the_table() -> None:
    folder = ROOT / "docs" / "decisions"
    table = (folder / "README.md").read_text("utf-8")

    for page in sorted(folder.glob("0*.md")):
        title = page.read_text("utf-8").splitlines()[0]
        assert title == f"# {page.name[:4]} {title[7:]}"
        assert f"[{page.name[:4]}]({page.name}) | {title[7:]} |" in table


def test_no_file_names_a_registry_or_a_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in tracked()
        if (text := _text_of(path)) is not None
        for match in FORBIDDEN.finditer(text)
    ]

    assert found == []


def _leads_somewhere(page: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    there = page.parent / name if name else page
    if not there.exists():
        return False
    return not anchor or anchor in {_anchor(heading) for heading in HEADING.findall(there.read_text("utf-8"))}


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def _without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def _text_of(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        return None


def _uncommented() -> str:
    """Return the example with every commented setting taken in."""
    return SETTING.sub(r"\1 = ", EXAMPLE.read_text("utf-8"))


def _settings_in(text: str) -> Iterator[str]:
    return _leaves(tomllib.loads(text), "")


def _leaves(table: dict[str, Any], before: str) -> Iterator[str]:
    for name, value in table.items():
        match value:
            case dict() if value:
                yield from _leaves(value, f"{before}{name}.")
            case [dict() as first, *_] if name == "trunks":  # other tables are values: a ladder, plans
                yield from _leaves(first, f"{before}{name}.")
            case _:
                yield f"{before}{name}"


def _settings_of(struct: type[msgspec.Struct], before: str = "") -> Iterator[str]:
    for field in msgspec.structs.fields(struct):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _settings_of(field.type, f"{before}{field.name}.")
        elif field.type == tuple[Trunk, ...]:
            yield from _settings_of(Trunk, f"{before}{field.name}.")
        else:
            yield f"{before}{field.name}"


def _at(table: Any, name: str) -> Any:
    for part in name.split("."):
        table = (table[0] if isinstance(table, list | tuple) else table)[part]
    return list(table) if isinstance(table, tuple) else table
