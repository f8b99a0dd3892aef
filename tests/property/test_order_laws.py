# SPDX-License-Identifier: Apache-2.0
"""Laws of orders, over random lives with lost, doubled, late and reordered acks, restarts, and a broker that goes."""

from collections import Counter
from collections.abc import Callable

from hypothesis import given
from msgspec.structs import asdict, replace

from core.effects import OrderIssued, OrderUnit, OrderUpdated, WarningRaised
from core.events import CommandGiven, NeighbourBack, TimerFired
from core.orders.ladder import GRACE_S_MAX, UNSIGNED
from core.orders.machine import FINAL
from core.orders.order import told
from core.settings import LADDER
from tests.play import at, starts
from tests.property.order_histories import NS_PER_S, STACK_MAX, Life, World, lives, some_lives

SIGN_S = 180
FIRINGS_MAX = 20_000  # of timers until nobody waits: a few hundred orders with a dozen each
REACHED = (
    "an order signed",
    "an order expired",
    "an order declined",
    "an order cancelled",
    "an order cleared",
    "an alert",
    "the second channel",
    "the duty chief told",
    "a decline rejected",
    "a decline accepted",
    "a change under way",
    "a change signed",
    "a change nobody signed",
    "an ack of an older version",
    "an ack of a declined order",
    "an ack of a withdrawn order",
    "a stacked order",
    "a turn that came",
    "an order driven to before its turn",
    "a unit diverted",
    "a restart with an order unsigned",
)


@given(lives())
def test_a_unit_is_never_on_more_orders_than_its_cap_and_never_twice_on_one_incident(life: Life) -> None:
    def look(world: World) -> None:
        orders = world.state.orders
        for unit in world.state.units.values():
            assert len(unit.order_ids) <= STACK_MAX.get(unit.entry.police_type, 1)
            assert len(set(unit.order_ids)) == len(unit.order_ids)
            incidents = [orders[name].incident_id for name in unit.order_ids]
            assert len(set(incidents)) == len(incidents)
            assert [orders[name].stacked for name in unit.order_ids] == [n > 0 for n in range(len(incidents))]

    _live(life, look)


@given(lives())
def test_the_sum_of_open_orders_is_right_at_every_incident_and_every_unit(life: Life) -> None:
    def look(world: World) -> None:
        state = world.state
        ordered = Counter(order.incident_id for order in state.orders.values())
        assert set(ordered) <= set(state.incidents)
        for name, incident in state.incidents.items():
            assert incident.active_orders == ordered[name]
            assert (incident.state == "ordered") == (ordered[name] > 0)
        carried = [(name, unit.entry.unit_id) for unit in state.units.values() for name in unit.order_ids]
        assert sorted(carried) == sorted((one.order_id, one.unit_id) for one in state.orders.values())

    _live(life, look)


@given(lives())
def test_what_was_issued_is_open_or_its_end_was_told(life: Life) -> None:
    def look(world: World) -> None:
        open_orders = {name for name in world.last if not world.over(name)}
        assert open_orders == set(world.state.orders)
        for effect in world.effects:
            if isinstance(effect, OrderUpdated) and effect.state == "expired":
                assert "order_unsigned" in world.warned[effect.order_id]
            if isinstance(effect, OrderUpdated) and effect.state == "declined":
                assert "order_declined" in world.warned[effect.order_id]

    _live(life, look)


@given(lives())
def test_what_was_told_last_of_an_open_order_is_how_it_stands(life: Life) -> None:
    def look(world: World) -> None:
        for name, order in world.state.orders.items():
            last = world.last[name]
            now = told(order, OrderUpdated, at_us=last.at_us, reason=last.reason)
            now = replace(now, deadline=last.deadline)  # time given after an outage is not told
            assert {field: getattr(last, field) for field in now.__struct_fields__} == asdict(now)

    _live(life, look)


@given(lives())
def test_no_order_waits_for_a_signature_without_a_clock(life: Life) -> None:
    def look(world: World) -> None:
        state = world.state
        assert world.timers == state.timers, "what the gateway's alarms know is what the engine waits for"
        clocks = {key for key in state.timers if key.startswith(("sign:", "rung:"))}
        for name, order in state.orders.items():
            key = f"sign:{name}"
            if order.state in UNSIGNED:
                assert state.timers[key] == order.deadline_ns
                assert order.deadline_ns <= order.asked_ns + (SIGN_S + GRACE_S_MAX) * NS_PER_S
            elif order.unconfirmed:
                assert key in state.timers or "change_unsigned" in world.warned[name]
            else:
                assert not {key, f"rung:{name}"} & clocks, "who has signed is left alone"
        assert {key.partition(":")[2] for key in clocks} <= set(state.orders)

    _live(life, look)


@given(lives())
def test_each_rung_is_climbed_once_in_order_and_only_while_nobody_has_signed(life: Life) -> None:
    def look(world: World) -> None:
        for effect in world.effects:
            if isinstance(effect, OrderUpdated) and effect.reason.startswith("not signed after"):
                assert isinstance(world.fact, TimerFired)
                assert effect.state in UNSIGNED or effect.unconfirmed
                assert 1 <= effect.alert <= len(LADDER)
        for reasons in world.rungs.values():
            assert len(set(reasons)) == len(reasons)
            waited = [int(reason.split()[3]) for reason in reasons]
            assert waited == sorted(waited)

    _live(life, look)


@given(lives())
def test_an_order_id_and_a_version_name_one_content_and_versions_only_rise(life: Life) -> None:
    newest: Counter[str] = Counter()
    said: dict[tuple[str, int], tuple[object, ...]] = {}

    def look(world: World) -> None:
        for effect in world.effects:
            if isinstance(effect, OrderUnit):
                content = (
                    *(effect.unit_id, effect.incident_id, effect.level, effect.category),
                    *(effect.lat, effect.lon, effect.cancelled),
                )
                assert effect.version >= newest[effect.order_id]
                newest[effect.order_id] = effect.version
                assert said.setdefault((effect.order_id, effect.version), content) == content

    _live(life, look)


@given(lives())
def test_a_radio_shows_what_is_open_once_it_has_heard_everything(life: Life) -> None:
    world = _live(life)

    for radio in world.radios.values():
        while radio.line:
            radio.hear(radio.line.popleft())

    for name, radio in world.radios.items():
        mine = {one.order_id: one for one in world.state.orders.values() if one.unit_id == name}
        for order_id, order in mine.items():
            assert radio.newest[order_id].version == order.version
            assert not radio.newest[order_id].cancelled
        over = set(radio.shown()) - set(mine)
        assert not {name for name in over if world.last[name].state != "clear"}
        # Its own "clear" ended the others, though a newer word of them crossed it on the way.
        assert not over


@given(lives())
def test_every_order_ends_signed_declined_cancelled_or_escalated(life: Life) -> None:
    world = _live(life)
    world.feed(NeighbourBack(at_ns=at(world.second), name="mqtt"))

    fired = 0
    while any(order.state in UNSIGNED for order in world.state.orders.values()):
        assert world.ring(at(world.second + 24 * 3600)), "an order waits and no clock runs"
        fired += 1
        assert fired < FIRINGS_MAX, "orders go round for ever"

    for name, last in world.last.items():
        signed = last.signed_at_us > 0
        assert signed or last.state in FINAL
        if last.state == "expired":
            kinds = world.warned[name]
            assert "order_unsigned" in kinds, "a desk was told, and the incident waits or another unit has it"


@given(lives())
def test_only_a_desk_gives_a_unit_a_second_order(life: Life) -> None:
    def look(world: World) -> None:
        for effect in world.effects:
            if isinstance(effect, OrderIssued) and effect.stacked:
                assert isinstance(world.fact, CommandGiven)
                assert world.fact.command == "order.accept"

    _live(life, look)


@given(lives())
def test_a_restart_tells_every_unit_again_what_it_may_not_have_heard(life: Life) -> None:
    world = _live(life)

    world.feed(starts(world.second + 1, **world.policy))

    sent = {(e.order_id, e.version) for e in world.effects if isinstance(e, OrderUnit) and not e.cancelled}
    for order in world.state.orders.values():
        if order.state == "issued" or order.unheard:
            assert (order.order_id, order.version) in sent


def test_random_lives_really_reach_what_the_laws_are_about() -> None:
    """Guard: the laws above would hold of lives in which nothing happens."""
    found: set[str] = set()

    for life in some_lives(110, 300):
        found |= _reached(life)
        if set(REACHED) <= found:
            break

    assert set(REACHED) <= found


def _live(life: Life, look: Callable[[World], None] = lambda world: None) -> World:
    """Let a life happen, and look at the world after each fact; return it as it is at the end."""
    world = World(life, look)
    for happening in life.told:
        world.happen(happening)
    return world


def _reached(life: Life) -> set[str]:
    """Return what of REACHED the life comes to."""
    found: set[str] = set()
    _live(life, lambda world: found.update(_seen(world)))
    return found


def _seen(world: World) -> set[str]:
    found: set[str] = set()
    state = world.state
    for effect in world.effects:
        match effect:
            case OrderUpdated(state="signed" | "expired" | "declined" | "cancelled" as became):
                found.add(f"an order {became}")
                if effect.unconfirmed and effect.supersedes and "supersedes" in effect.reason:
                    found.add("a change under way")
            case OrderUpdated(state="clear"):
                found.add("an order cleared")
            case WarningRaised(kind="unit_diverted"):
                found.add("a unit diverted")
            case OrderIssued(stacked=True):
                found.add("a stacked order")
        if isinstance(effect, OrderUpdated):
            for sign, what in (
                ("decline rejected", "a decline rejected"),
                ("decline accepted", "a decline accepted"),
                ("its turn", "a turn that came"),
                ("goes first", "an order driven to before its turn"),
                ("version 2 signed", "a change signed"),
            ):
                if sign in effect.reason:
                    found.add(what)
    for reasons in world.rungs.values():
        found |= {"an alert" for reason in reasons if reason.endswith("alerted again")}
        found |= {"the second channel" for reason in reasons if "second channel" in reason}
    told = {kind for kinds in world.warned.values() for kind in kinds}
    if "order_unsigned_chief" in told:
        found.add("the duty chief told")
    if "change_unsigned" in told:
        found.add("a change nobody signed")
    for count, what in (
        ("ack_of_older_version", "an ack of an older version"),
        ("ack_of_declined", "an ack of a declined order"),
        ("ack_of_withdrawn", "an ack of a withdrawn order"),
    ):
        if state.counts[count]:
            found.add(what)
    restarted = getattr(world.fact, "version", "") == "test"
    if restarted and any(order.state in UNSIGNED for order in state.orders.values()):
        found.add("a restart with an order unsigned")

    return found
