# SPDX-License-Identifier: Apache-2.0
"""What the core is to show, as ratios of one run: the page of results says which were reached and which not."""

from dataclasses import dataclass
from typing import Literal

from bench.compare.result import OURS


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One promise: a figure of one row, and its bound."""

    what: str
    suite: str
    case: str
    name: str
    bound: float
    figure: str = "ratio"
    at: Literal["least", "most"] = "least"
    unit: str = "times"
    scale: float = 1.0
    "What the figure is multiplied with to be in `unit`."

    @property
    def asked(self) -> str:
        """Return the bound as a reader has it."""
        return f"{'≥' if self.at == 'least' else '≤'} {self.bound:g} {self.unit}"

    def reached(self, value: float) -> bool:
        """Tell whether a measured value keeps the promise."""
        return value >= self.bound if self.at == "least" else value <= self.bound


TARGETS: tuple[Target, ...] = (
    Target(what="mixed load, 10k units, CPU", suite="matcher", case="10k", name="scipy.cKDTree", bound=12),
    Target(what="mixed load, 100k units, CPU", suite="matcher", case="100k", name="scipy.cKDTree", bound=60),
    Target(what="mixed load, 10k units, CPU", suite="matcher", case="10k", name="redis", bound=40),
    *(
        Target(
            what=f"top-10 query from Python, {size} units, p99",
            suite="matcher",
            case=f"query {size}",
            name=OURS,
            figure="p99_us",
            at="most",
            bound=30,
            unit="µs",
        )
        for size in ("1k", "10k", "100k")
    ),
    Target(
        what="simulated city, 63 % load: weighted response of the closest unit by distance",
        suite="policy",
        case="63 % load weighted response",
        name="closest idle by distance",
        bound=1.25,
    ),
    Target(
        what="simulated city, 63 % load: late level 1 of the closest unit by distance",
        suite="policy",
        case="63 % load weighted response",
        name="closest idle by distance",
        figure="late_ratio",
        bound=2,
    ),
    Target(
        what="assignment, 2,000 calls, 5,000 units",
        suite="assignment",
        case="2000x5000",
        name="scipy.min_weight_full_bipartite_matching",
        bound=15,
    ),
    Target(
        what="assignment, 2,000 calls, 5,000 units",
        suite="assignment",
        case="2000x5000",
        name="ortools",
        bound=30,
    ),
    Target(
        what="assignment, one call more",
        suite="assignment",
        case="+1 call 2000x5000",
        name=OURS,
        figure="median_us",
        at="most",
        bound=20,
        unit="µs",
    ),
    *(
        Target(what=f"1 call, 50 units, {city}", suite="eta", case=f"1x50 {city}", name=name, bound=50)
        for city in ("porto alegre", "auckland")
        for name in ("scipy.csgraph", "networkit", "igraph", "pandana")
    ),
    Target(
        what="1 call, 50 units, both put on roads first",
        suite="eta",
        case="1x50 porto alegre, from coordinates",
        name="osrm ch",
        bound=40,
    ),
    Target(
        what="labels for new weights, 54,000 nodes",
        suite="eta",
        case="rebuild auckland",
        name=OURS,
        figure="median_us",
        at="most",
        bound=1.5,
        unit="s",
        scale=1e-6,
    ),
    *(
        Target(
            what=f"queue of {size}, mixed operations",
            suite="queue",
            case=f"N={size}",
            name="heapq",
            bound=bound,
        )
        for size, bound in (("100", 1), ("10k", 2.5), ("100k", 2.5))
    ),
    *(
        Target(
            what=f"queue of {size}, 64 operations at once",
            suite="queue",
            case=f"N={size} batch=64",
            name="heapq",
            bound=8,
        )
        for size in ("100", "1k", "10k", "100k")
    ),
    *(
        Target(
            what=f"whole decision, 2,000 units, 50 road times, {said}",
            suite="decision",
            case="2k units 50 candidates road eta",
            name=OURS,
            figure=figure,
            at="most",
            bound=bound,
            unit="µs",
        )
        for said, figure, bound in (("median", "median_us", 150), ("p99", "p99_us", 500))
    ),
    Target(
        what="loop under 50,000 messages/s with 300,000 records, p99.9",
        suite="loop",
        case="50k msg/s 300k records, p99.9",
        name="default gc",
        bound=20,
    ),
    Target(
        what="worst stall of the loop beside a rebuild of the labels",
        suite="loop",
        case="label rebuild beside, worst stall",
        name=OURS,
        figure="median_us",
        at="most",
        bound=25,
        unit="ms",
        scale=1e-3,
    ),
    *(
        Target(
            what=f"synthetic fleet: p99 error of the shown position with {name}",
            suite="fixes",
            case="synthetic fleet",
            name=name,
            figure="p99_ratio",
            bound=5,
        )
        for name in ("traccar-like maxSpeed", "maxSpeed to last arrival")
    ),
    Target(
        what="... where each car's first fix is wrong, with traccar-like maxSpeed",
        suite="fixes",
        case="synthetic fleet, first fix wrong",
        name="traccar-like maxSpeed",
        figure="p99_ratio",
        bound=5,
    ),
    *(
        Target(what=f"taking in a position, {case}, CPU", suite="ingest", case=case, name=name, bound=bound)
        for case in ("steady 5,000/s", "burst")
        for name, bound in (("gmqtt", 3), ("aiomqtt", 5))
    ),
)
