# SPDX-License-Identifier: Apache-2.0
"""The twelve county-level divisions of Wenzhou, roughly: enough for a city that looks right on a map.

Centres, radii and weights are rounded by hand for the simulation; they are no survey and no census.
"""

import msgspec

from core.ids import CountyCode

TownCentre = tuple[float, float]
"Latitude and longitude, WGS-84."


class County(msgspec.Struct, frozen=True, kw_only=True):
    """One county, district or county-level city."""

    code: CountyCode
    "GB/T 2260."
    letters: str
    "Two letters that begin the ids of its units."
    name_zh: str
    name_en: str
    towns: tuple[TownCentre, ...]
    "The seat first; a second town where the county has two."
    radius_km: float
    weight: float
    "Share of the people, about 100,000 each."
    port: bool = False
    "Islands: boats answer here."
    airport: TownCentre | None = None
    rail: bool = False

    @property
    def centre(self) -> TownCentre:
        """Return the county seat."""
        return self.towns[0]


def _county(
    code: str,
    letters: str,
    name_zh: str,
    name_en: str,
    towns: tuple[TownCentre, ...],
    size: tuple[float, float],
) -> County:
    return County(
        code=CountyCode(code),
        letters=letters,
        name_zh=name_zh,
        name_en=name_en,
        towns=towns,
        radius_km=size[0],
        weight=size[1],
        port=code == "330305",
        airport=(27.91, 120.85) if code == "330303" else None,
        rail=code in ("330304", "330381", "330382"),
    )


COUNTIES: tuple[County, ...] = (
    _county("330302", "LC", "鹿城", "Lucheng", ((28.01, 120.66),), (8, 12)),
    _county("330303", "LW", "龙湾", "Longwan", ((27.93, 120.81),), (9, 7)),
    _county("330304", "OH", "瓯海", "Ouhai", ((27.97, 120.63),), (10, 10)),
    _county("330305", "DT", "洞头", "Dongtou", ((27.84, 121.15),), (12, 1.5)),
    _county("330324", "YJ", "永嘉", "Yongjia", ((28.15, 120.69), (28.06, 120.67)), (30, 9)),
    _county("330326", "PY", "平阳", "Pingyang", ((27.67, 120.56), (27.61, 120.55)), (18, 9)),
    _county("330327", "CN", "苍南", "Cangnan", ((27.51, 120.41),), (20, 8)),
    _county("330328", "WC", "文成", "Wencheng", ((27.79, 120.09),), (20, 3)),
    _county("330329", "TS", "泰顺", "Taishun", ((27.56, 119.72),), (24, 3)),
    _county("330381", "RA", "瑞安", "Rui'an", ((27.78, 120.65), (27.87, 120.69)), (20, 15)),
    _county("330382", "YQ", "乐清", "Yueqing", ((28.12, 120.97), (28.03, 120.88)), (22, 15)),
    _county("330383", "LG", "龙港", "Longgang", ((27.58, 120.56),), (8, 5)),
)

BY_CODE: dict[str, County] = {county.code: county for county in COUNTIES}


def shares(counties: tuple[County, ...]) -> list[float]:
    """Return each county's share of the people of these counties; they add up to one."""
    whole = sum(county.weight for county in counties)
    return [county.weight / whole for county in counties]
