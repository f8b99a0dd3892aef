# SPDX-License-Identifier: Apache-2.0
"""Foreign sources at work: whose topic it is, which unit an id stands for, and what becomes of what it says.

Pure. Memory: TOPICS_REMEMBERED topics, and an entry for each unit that ever pressed a button or may leave a will.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import msgspec

from core.effects import OrderUnit
from core.events import Fact, OrderAcked, UnitCalled, UnitLinked, UnitReported
from core.ids import CountyCode, UnitId
from device_adapters.fixes import Fix
from device_adapters.mqtt import codec
from device_adapters.mqtt.payload import Reason, WireError
from device_adapters.mqtt.presses import Presses
from device_adapters.mqtt.sources import Source
from device_adapters.mqtt.topics import TOPICS_REMEMBERED
from device_adapters.mqtt.wire import KM_H, jt808
from device_adapters.mqtt.wire.fields import written_key
from device_adapters.mqtt.wire.said import Button, Left, Passed, Reading, What
from device_adapters.mqtt.wire.tetra import DEFAULT_CODES, code_of

Enrolled = Callable[[], Mapping[UnitId, tuple[int, CountyCode]]]
Place = Callable[[int, Fix, int], None]
"(index of the unit, fix, arrival in ns). Raises WireError."
Refuse = Callable[[str, Reason], None]
"(who, for the log; why): counts it."
PHONE_DIGITS = 11  # a mainland mobile number; a JT/T 808 terminal is named by one
TAIL = 4  # of a number that the log may show

_OFF_AIR = "offline"
_NOT_DIALLED = str.maketrans("", "", "+-.() ")


class Route:
    """One source, ready: how it is read, whom its ids stand for, what came by it."""

    def __init__(self, source: Source, future_s_max: int) -> None:
        dialect = source.dialect
        self.source = source
        self.read = dialect.read
        self.levels = source.filter.split("/")
        self.level = source.level
        self.wills = dialect.wills
        self.how = Reading(
            source=source.name,
            crs=source.crs,
            utc_offset_s=source.utc_offset_s,
            km_h=KM_H[source.speed_unit or dialect.speed_unit],
            unit_field=source.path,
            codes={**DEFAULT_CODES, **{code_of(code): meaning for code, meaning in source.codes.items()}},
            future_s_max=future_s_max,
        )
        self.foreign_id = {unit: foreign for foreign, unit in source.units.items()}
        self.counts: Counter[str] = Counter()

    def unit_of(self, key: str) -> UnitId:
        """Return the unit that a foreign id stands for. Raises WireError `unknown_id`."""
        source = self.source
        if source.units or source.units_file:
            unit = source.units.get(key)
            if unit is None:
                raise WireError("unknown_id")
            return UnitId(unit)
        return UnitId(source.prefix + key)

    def id_of(self, unit_id: UnitId) -> str | None:
        """Return the foreign id of a unit this source brings orders to; None when it does not."""
        source = self.source
        if not source.orders:
            return None
        if source.prefix:
            return unit_id.removeprefix(source.prefix) if unit_id.startswith(source.prefix) else None
        return self.foreign_id.get(unit_id)


class Foreign:
    """All foreign sources of a gateway."""

    def __init__(self, sources: Iterable[Source], future_s_max: int, enrolled: Enrolled) -> None:
        self._future_s_max = future_s_max
        self._enrolled = enrolled
        self._presses = Presses()
        self._on_air: set[UnitId] = set()
        self._radios: set[UnitId] = set()
        "Units on the air by the contract's own word."
        self._routes: list[Route] = []
        self._by_topic: dict[str, tuple[Route, str] | None] = {}
        self.take(sources)

    def take(self, sources: Iterable[Source]) -> None:
        """Begin to read these; what is known of units, and the counters of sources that stay, are kept."""
        before = {route.source.name: route.counts for route in self._routes}
        self._routes = [Route(source, self._future_s_max) for source in sources]
        self._by_topic.clear()
        for route in self._routes:
            route.counts = before.get(route.source.name, route.counts)

    def route(self, topic: str) -> tuple[Route, str] | None:
        """Return whose topic it is and the foreign id in it ("" when the payload has it); None: nobody's."""
        try:
            return self._by_topic[topic]
        except KeyError:
            found = self._find(topic)
        if len(self._by_topic) >= TOPICS_REMEMBERED:
            del self._by_topic[next(iter(self._by_topic))]
        self._by_topic[topic] = found
        return found

    def understand(
        self, route: Route, key: str, payload: bytes, at_ns: int, place: Place, refuse: Refuse
    ) -> tuple[list[Fact], int]:
        """Return the facts of one message and how many parts were mended. Raises WireError for the message whole."""
        if route.level and not key:
            raise WireError("no_unit")
        facts: list[Fact] = []
        mended = 0
        nobody: set[str] = set()
        for who, what in route.read(payload, key, route.how, at_ns):
            if isinstance(what, Passed):
                route.counts[f"ignored_{what.what}"] += 1
            elif isinstance(what, Left) and what.mended:
                mended += 1
            elif who not in nobody:
                try:
                    facts += self._one(route, who, what, at_ns, place, nobody)
                except WireError as wrong:
                    route.counts[f"rejected_{wrong.reason}"] += 1
                    refuse(shown(route.source.name, who), wrong.reason)
        route.counts["facts"] += len(facts)
        return facts, mended

    def radio(self, told: UnitLinked) -> None:
        """Note what a unit's own radio says of its link: no other device of the unit takes it off the air."""
        self._radios.discard(told.unit_id) if told.link == _OFF_AIR else self._radios.add(told.unit_id)

    def redirected(self, order: OrderUnit) -> tuple[str, bytes] | None:
        """Return topic and payload of an order to a unit that a source brings its orders; None: the contract's."""
        for route in self._routes:
            foreign = route.id_of(order.unit_id)
            if foreign is not None:
                return route.source.orders.replace("{id}", foreign), _written(order, route.source)
        return None

    def statistics(self) -> dict[str, int]:
        """Return what came by each source."""
        return {
            f"source_{route.source.name}_{name}": n
            for route in self._routes
            for name, n in route.counts.items()
        }

    def _find(self, topic: str) -> tuple[Route, str] | None:
        levels = topic.split("/")
        for route in self._routes:
            if not _matches(levels, route.levels):
                continue
            if not route.level:
                return route, ""
            try:
                return route, written_key(levels[route.level - 1])
            except (IndexError, WireError):
                return route, ""
        return None

    def _one(
        self, route: Route, key: str, what: What, at_ns: int, place: Place, nobody: set[str]
    ) -> list[Fact]:
        """Return the facts of one thing said; whoever cannot be heard at all is put among `nobody`."""
        if isinstance(what, Left):
            raise WireError(what.reason)
        try:
            index, unit_id = self._who(route, key)
        except WireError:
            nobody.add(key)
            raise
        match what:
            case Fix():
                place(index, what, at_ns)
                route.counts["fixes"] += 1
                return self._heard(route, unit_id, at_ns)
            case Button(tst=tst, call=None):
                self._presses.free(unit_id, tst)
                return []
            case Button(tst=tst, call=UnitCalled() as call):
                route.counts["held"] += 1
                calls = self._presses.held(unit_id, tst, call.seq)
                return [msgspec.structs.replace(call, unit_id=unit_id)] if calls else []
            case UnitLinked(link=link):
                self._on_air.discard(unit_id) if link == _OFF_AIR else self._on_air.add(unit_id)
                if link == _OFF_AIR and unit_id in self._radios and route.id_of(unit_id) is None:
                    route.counts["ignored_link"] += 1
                    return []
                return [msgspec.structs.replace(what, unit_id=unit_id)]
            case UnitReported() | UnitCalled() | OrderAcked():
                return [msgspec.structs.replace(what, unit_id=unit_id)]
        raise AssertionError(f"a codec said {type(what).__name__}")

    def _who(self, route: Route, key: str) -> tuple[int, UnitId]:
        """Return index and id of the unit meant. Raises WireError."""
        unit_id = route.unit_of(key)
        enrolled = self._enrolled().get(unit_id)
        if enrolled is None:
            raise WireError("unknown_unit")
        index, county = enrolled
        if route.source.county and county != route.source.county:
            raise WireError("wrong_county")
        return index, unit_id

    def _heard(self, route: Route, unit_id: UnitId, at_ns: int) -> list[Fact]:
        """Whoever may leave a will and is heard is on the air: told once, and again after each will."""
        if not route.wills or unit_id in self._on_air:
            return []
        self._on_air.add(unit_id)
        return [UnitLinked(at_ns=at_ns, unit_id=unit_id, link="online")]


def shown(source: str, key: str) -> str:
    """Return how the log names a foreign id: of what may be somebody's number only the end."""
    digits = key.translate(_NOT_DIALLED)
    if digits.isdigit() and len(digits) >= PHONE_DIGITS:
        key = f"…{key[-TAIL:]}"
    return f"{source}:{key}"


def _written(order: OrderUnit, source: Source) -> bytes:
    if source.codec != "jt808":
        return codec.encode_order(order, source.crs)
    return jt808.text_of(order_text(order, source), urgent=order.level == 1 or order.alert > 0)


def order_text(order: OrderUnit, source: Source) -> str:
    """Return the order in one line, as an officer reads it on a screen or hears it read aloud."""
    if order.cancelled:
        return f"【撤销】指令{order.order_id}已撤销"
    kind = "更新指令" if order.supersedes else "后续指令" if order.stacked else "指令"
    parts = [f"【{kind}】{order.order_id}", f"{order.level}级", order.category, order.address, order.text]
    if order.lat is not None and order.lon is not None:
        lat, lon = codec.place_out(order.lat, order.lon, source.crs)
        parts.append(f"{source.crs.upper()} {lat:.6f},{lon:.6f}")
    return " ".join(part for part in parts if part)


def _matches(topic: list[str], levels: list[str]) -> bool:
    """Return whether a topic is one of a filter's (MQTT 5, 4.7)."""
    for at, level in enumerate(levels):
        if level == "#":
            return True
        if at >= len(topic) or (level != "+" and level != topic[at]):
            return False
    return len(topic) == len(levels)
