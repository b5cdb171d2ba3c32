"""Series and the change points that Apache Otava finds in them: the answers that tests/change_points.rs asks for.

Figures are computed again, by Otava, over the stretches that remain at the end: when it takes a change point back,
it leaves those of the change point before it as they were.

    pip install apache-otava==0.8.0
    python make.py > series.json
"""

import json
from importlib.metadata import version

import numpy as np
from otava.analysis import TTestSignificanceTester, compute_change_points

assert version("apache-otava") == "0.8.0"
rng = np.random.default_rng(20261124)


def steps(*levels, noise=1.0):
    """Levels of (length, mean), with normal noise."""
    return np.concatenate([rng.normal(mean, noise, length) for length, mean in levels])


def with_spikes(series, *places):
    series[list(places)] *= 3
    return series


SERIES = {
    "no change": steps((120, 100)),
    "one step": steps((60, 100), (60, 105)),
    "one step down": steps((45, 100), (75, 97)),
    "small step": steps((100, 100), (100, 101)),
    "several steps": steps((40, 100), (30, 110), (50, 104), (25, 104.5), (55, 120)),
    "steps close together": steps((30, 100), (5, 130), (4, 90), (60, 100)),
    "step at the end": steps((80, 100), (3, 110)),
    "step at the start": steps((3, 90), (80, 100)),
    "spikes": with_spikes(steps((150, 100)), 20, 21, 77, 120),
    "spikes and a step": with_spikes(steps((70, 100), (70, 108)), 33, 90),
    "drift": steps((200, 100)) + np.linspace(0, 10, 200),
    "sawtooth": steps((180, 100)) + np.arange(180) % 30 / 3,
    "two": steps((2, 100)),
    "five": steps((2, 100), (3, 150)),
    "twelve": steps((6, 100), (6, 110)),
    "constant": np.full(70, 42.0),
    "constant, then another": np.concatenate([np.full(30, 42.0), np.full(30, 43.0)]),
    "heavy tail": 100 * rng.lognormal(0, 0.3, 250),
    "heavy tail with a step": 100 * np.concatenate([rng.lognormal(0, 0.1, 120), rng.lognormal(0.15, 0.1, 130)]),
    "noise changes": np.concatenate([rng.normal(100, 1, 80), rng.normal(100, 8, 80)]),
    "around zero": steps((60, 0), (60, 2)),
    "long": steps(*[(73, 100 + 4 * (i % 3)) for i in range(8)]),
}
OPTIONS = [
    {"window": 50, "max_p": 0.001, "min_magnitude": 0.0},
    {"window": 30, "max_p": 0.05, "min_magnitude": 0.02},
    {"window": 25, "max_p": 0.2, "min_magnitude": 0.0},
]

cases = []
for name, values in SERIES.items():
    values = [round(float(value), 4) for value in values]
    answers = []
    for options in OPTIONS:
        points, _ = compute_change_points(
            values, options["window"], options["max_p"], options["min_magnitude"]
        )
        tester = TTestSignificanceTester(options["max_p"])
        stretches = tester.get_intervals(points)
        points = [tester.change_point(point.to_candidate(), values, stretches) for point in points]
        answers.append({
            "options": options,
            "points": [
                {
                    "index": int(point.index),
                    "mean_before": float(point.stats.mean_before()),
                    "mean_after": float(point.stats.mean_after()),
                    "change": float(point.stats.forward_rel_change()),
                    "p": float(point.stats.pvalue),
                }
                for point in points
            ],
        })
    cases.append({"name": name, "values": values, "answers": answers})
lines = ",\n".join(json.dumps(case) for case in cases)
print(f"[\n{lines}\n]")
