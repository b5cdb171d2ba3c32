"""Logs one run to Trackio: reads it as JSON from standard input."""

import json
import os
import sys

data = json.load(sys.stdin)
# Nothing of this machine but what was measured.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import trackio

options = {"auto_log_gpu": False, "auto_log_cpu": False, "embed": False}
if data["space"]:
    options["space_id"] = data["space"]
trackio.init(project=data["project"], name=data["run"], config=data["config"], **options)
for row in data["rows"]:
    trackio.log(row["values"], step=int(row["t"]))
for number, values in enumerate(data["summary"], 1):
    if values:
        trackio.log(values, step=number)
trackio.finish()
