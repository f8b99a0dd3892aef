# SPDX-License-Identifier: Apache-2.0
"""Sum up a command centre's records as the few numbers the simulation draws from.

    python -m bench.simulation.fit FOLDER > bench/simulation/stages.csv

FOLDER holds two files of a North American city's centre, as its weekly reports were published (trdunsworth/DECCreport3,
weeks 35 to 48 of 2025): incidents with the stamps of their stages, and the answering times of the telephones. Only
quantiles and shares leave this program: no record, no name, no time of day of anybody's call.
"""

import csv
import gzip
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import numpy as np

INCIDENTS = "decc_cad_2025_w35-48_nonames.csv.gz"
PHONES = "decc_phone_2025_w44-48.csv"
QUANTILES = (*range(0, 100, 5), 99)
"Per cent. The last per cent is left out: there stand the incidents somebody forgot to close."
LEVELS = ("1", "2", "3", "4")
STAGES = {
    "sign_off": ("Incident_Start_Time", "Incident_Queue_Time"),
    "phone": ("Incident_Start_Time", "Incident_Phone_Stop"),
    "turn_out": ("Incident_Dispatch_Time", "Incident_Enroute_Time"),
    "travel": ("Incident_Enroute_Time", "Incident_Arrival_Time"),
    "scene": ("Incident_Arrival_Time", "TimeFirstCallCleared"),
}
"{stage: the stamps at its ends}. `travel` is not drawn from, the road network says it; it is here to compare."
BUCKETS_S = {"911_10": 10, "911_15": 15, "911_20": 20, "911_40": 40, "911_60": 60, "911_120": 120}

Record = dict[str, str]


def main(folder: Path) -> None:
    """Print the table."""
    with gzip.open(folder / INCIDENTS, "rt", encoding="utf-8") as lines:
        records = [one for one in csv.DictReader(lines) if _told_by_a_caller(one)]
    with (folder / PHONES).open(encoding="utf-8") as lines:
        hours = list(csv.DictReader(lines))
    print(f"# {len(records)} police incidents told by callers, 14 weeks; {len(hours)} hours of telephones.")
    print("# Quantiles in seconds; shares of all. Made by bench/simulation/fit.py; no record is in here.")
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["stage", "level", "n", *(f"q{percent}" for percent in QUANTILES)])
    for stage, (begin, end) in STAGES.items():
        for level in LEVELS:
            mine = (one for one in records if one["Priority_Number"] == level)
            spans = np.array(list(_spans(mine, begin, end)))
            told = [f"{second:.0f}" for second in np.quantile(spans, np.array(QUANTILES) / 100)]
            writer.writerow([stage, level, len(spans), *told])
    writer.writerow(["answer", 0, *_answers(hours)])
    for name, column, members in (
        ("level", "Priority_Number", LEVELS),
        ("hour", "Hour", [str(hour) for hour in range(24)]),
    ):
        counts = [sum(one[column] == member for one in records) for member in members]
        writer.writerow([f"share_{name}", 0, sum(counts), *(f"{n / sum(counts):.4f}" for n in counts)])


def _told_by_a_caller(record: Record) -> bool:
    """Leave out what officers came upon themselves: nobody was sent there."""
    police = record["Agency"] == "POLICE" and record["Priority_Number"] in LEVELS
    return police and record["Call_Reception"] != "OFFICER"


def _spans(records: Iterable[Record], begin: str, end: str) -> Iterator[float]:
    for record in records:
        if "NULL" in (record[begin], record[end]) or not record[begin] or not record[end]:
            continue
        seconds = (
            datetime.fromisoformat(record[end]) - datetime.fromisoformat(record[begin])
        ).total_seconds()
        if seconds >= 0:
            yield seconds


def _answers(hours: list[Record]) -> list[str]:
    """Return how many emergency calls were answered, and the quantiles within the buckets, by straight lines."""
    counts = [sum(int(hour[bucket] or 0) for hour in hours) for bucket in BUCKETS_S]
    shares = np.cumsum([0, *counts]) / sum(counts) * 100
    told = np.interp(QUANTILES, shares, [0, *BUCKETS_S.values()])
    return [str(sum(counts)), *(f"{second:.1f}" for second in told)]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
