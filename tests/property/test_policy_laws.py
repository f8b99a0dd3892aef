# SPDX-License-Identifier: Apache-2.0
"""What every policy keeps, with plans and a reserve, after any history."""

from collections import Counter
from typing import NamedTuple

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core import snapshot
from core.dispatch.lines import lines, missing
from core.dispatch.policy import TAKEN_MAX
from core.effects import Decision, Effect, OrderIssued, OrderUpdated
from core.engine import Engine
from core.events import CommandGiven, Fact, OrderAcked
from core.ids import IncidentId
from core.settings import PlanLine, Settings
from core.state import State
from gateway.journal.record import DECISION_ENCODER
from tests.property.histories import Happening, History, facts_of, histories, run

few = settings(max_examples=settings().max_examples // 4)
"Each is sixty facts."

PLANS = (
    PlanLine(category="theft", count=2),
    PlanLine(category="theft", capabilities=("boat",)),
    PlanLine(category="theft", step=2, count=2, after_s=90),
    PlanLine(level=1, count=2),
)


class Policy(NamedTuple):
    """What a policy is made of."""

    name: str
    confirm: bool
    plans: bool
    reserve: int
    switch_cost_s: int


POLICIES = st.builds(
    Policy,
    st.sampled_from(["reoptimise", "divert", "closest"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0, 1]),
    st.sampled_from([0, 30, 180]),
)


KINDS = (
    *("call",) * 5,
    *("answered",) * 6,
    *("incident.level", "moved") * 4,
    *("ack", "ack", "ack", "status", "status", "timer", "order.accept", "order.accept"),
    *("plan.step", "order.cancel", "incident.locate", "incident.close", "event", "restart"),
)
"What makes units scarce: many calls of all levels, answered, and few units that come and go."


class Ruled(History):
    """A history under a policy of its own; a restart may change everything else, and the policy itself."""

    policy = Policy("divert", False, False, 0, 0)

    def settings(self, *, other: int = 0) -> Settings:
        """Return the settings of the history under the policy."""
        before = super().settings(other=other)
        return msgspec.structs.replace(
            before,
            policy="closest" if other and self.policy.switch_cost_s else self.policy.name,
            divert_confirm=self.policy.confirm,
            plans=(PLANS[1:] if other else PLANS) if self.policy.plans else (),
            reserve_units=self.policy.reserve,
            reserve_level=2,
            reserve_s_max=60,
            switch_cost_s=self.policy.switch_cost_s,
        )


@st.composite
def ruled(draw: st.DrawFn, *dispatches: str) -> History:
    """Return a history under a drawn policy."""
    kind = type("Drawn", (Ruled,), {"policy": draw(POLICIES)})
    if draw(st.integers(0, 3)) == 3:
        history: History = kind(*draw(histories(*dispatches, most=60)))
        return history
    number = draw(st.integers(0, 2**32))
    random = np.random.default_rng(number)
    told = [
        Happening(KINDS[kind], *numbers)
        for kind, *numbers in zip(
            random.integers(0, len(KINDS), 60).tolist(),
            random.choice([0, 1, 1, 2, 2, 3, 4], 60).tolist(),
            random.integers(0, 8, 60).tolist(),
            random.integers(0, 12, 60).tolist(),
            strict=True,
        )
    ]
    dispatch = draw(st.sampled_from(dispatches or ("automatic", "confirm")))
    busy: History = kind(dispatch, "immediately", False, told)
    return busy


@few
@given(ruled(), st.integers(0, 60))
def test_it_decides_alike_again_and_after_a_snapshot(history: History, until: int) -> None:
    facts = facts_of(history)
    first, second = Engine(), Engine()
    for fact in facts[:until]:
        assert _bytes(first, fact) == _bytes(second, fact)

    restored = snapshot.restore(snapshot.take(first))

    assert restored is not None
    for fact in facts[until:]:
        assert _bytes(second, fact) == _bytes(restored, fact)


@few
@given(ruled())
def test_a_unit_has_one_order_and_an_incident_has_it_once(history: History) -> None:
    for engine, _, _ in run(history):
        state = engine.state
        held = Counter(order.unit_id for order in state.orders.values())
        assert all(count == 1 for count in held.values())
        assert {unit_id for unit_id, unit in state.units.items() if unit.order_ids} == set(held)
        at = Counter(order.incident_id for order in state.orders.values())
        assert all(incident.active_orders == at[name] for name, incident in state.incidents.items())
        assert at.keys() <= state.incidents.keys(), "nobody drives to what is closed"


@few
@given(ruled("automatic"))
def test_whoever_lacks_a_unit_and_may_have_one_waits_and_nobody_else(history: History) -> None:
    for engine, _, effects in run(history):
        state = engine.state
        lacking = {
            name
            for name, incident in state.incidents.items()
            if incident.wants_unit and any(missing(state, incident))
        }
        alone = {
            name
            for name, incident in state.incidents.items()
            if incident.wants_unit and not incident.active_orders
        }
        assert alone <= lacking, "whom nobody goes to lacks one, whatever its plan says"
        waiting = set(state.incidents_waiting.first(state.now_ms, len(state.incidents_waiting)))
        assert waiting <= lacking
        if not history.full:
            assert waiting == lacking, [effect for effect in effects if isinstance(effect, Decision)]


@few
@given(ruled("automatic"))
def test_level_1_loses_no_unit_but_to_a_faster_one_and_nobody_loses_more_than_his_share(
    history: History,
) -> None:
    levels: dict[IncidentId, int] = {}
    for engine, _, effects in run(history):
        incidents = engine.state.incidents
        levels = {name: max(was, incidents[name].level) for name, was in levels.items() if name in incidents}
        issued = {one.incident_id for one in effects if isinstance(one, OrderIssued)}
        for one in effects:
            if isinstance(one, OrderUpdated) and one.reason.startswith(("diverted to", "sent elsewhere")):
                assert levels[one.incident_id] > 1 or one.incident_id in issued
        levels = {name: incident.level for name, incident in incidents.items()}
        assert all(incident.taken <= TAKEN_MAX for incident in incidents.values())


@few
@given(ruled("confirm"))
def test_where_a_desk_confirms_everything_no_policy_orders_by_itself(history: History) -> None:
    for _, fact, effects in run(history):
        if not (isinstance(fact, CommandGiven) and fact.command == "order.accept"):
            assert not [effect for effect in effects if isinstance(effect, OrderIssued)]


@few
@given(ruled("automatic"))
def test_only_a_desk_takes_a_unit_from_elsewhere_where_it_is_to_be_asked(history: History) -> None:
    for engine, fact, effects in run(history):
        moved = [
            one for one in effects if isinstance(one, OrderUpdated) and one.reason.startswith("diverted to")
        ]
        if moved and engine.state.settings.divert_confirm:
            assert isinstance(fact, CommandGiven)
            assert fact.command == "order.accept"


@few
@given(ruled("automatic"))
def test_no_more_units_go_by_themselves_than_a_plan_wants(history: History) -> None:
    before: Counter[tuple[IncidentId, int]] = Counter()
    for engine, fact, effects in run(history):
        state: State = engine.state
        sent = Counter((one.incident_id, one.want) for one in state.orders.values() if not one.chosen)
        for told in [one for one in effects if isinstance(one, OrderIssued)]:
            if isinstance(fact, CommandGiven | OrderAcked):
                break
            name, line = told.incident_id, state.orders[told.order_id].want
            count = lines(state, state.incidents[name])[line].count
            assert sent[name, line] <= max(count, before[name, line]), "or one goes instead of another"
        before = sent


def _bytes(engine: Engine, fact: Fact) -> list[bytes]:
    effects: list[Effect] = engine.handle(fact)
    return [DECISION_ENCODER.encode(effect) for effect in effects if isinstance(effect, Decision)]
