"""Runs the real hf-perftest command line and records what it cost, from outside.

    python hf_perftest_client.py RESULTS run --app echo_text --tiers 1,10 [hf-perftest's own options]

Everything after RESULTS goes to hf-perftest as it is. RESULTS gets one JSON line per tier, with the same keys as the
bare client's. Two things differ from the plain tool: the sample inputs are not fetched (the network is not what is
measured, and text apps need none), and each tier's CPU and wall time are taken around its own call. The warm-up, the
start of the app and the writing of results are outside of both.
"""

import json
import os
import signal
import sys
import time

import numpy as np
from hf_perftest import cli, runner


def tier_line(users, rounds, results, elapsed, cpu):
    latencies = [result["latency_ms"] for result in results if result.get("success")]

    def percentile(q):
        return float(np.percentile(latencies, q)) if latencies else None

    return {
        "users": users,
        "rounds": rounds,
        "requests": len(results),
        "ok": len(latencies),
        "failed": len(results) - len(latencies),
        "elapsed_s": elapsed,
        "rps": len(latencies) / elapsed,
        "cpu_ms_per_request": cpu * 1000 / len(results),
        "p50_ms": percentile(50),
        "p90_ms": percentile(90),
        "p99_ms": percentile(99),
    }


def recording(run_tier, results_path):
    """`run_tier` with its CPU and wall time added to the results file."""

    async def recorded(app_url, users, rounds, **options):
        started, cpu_started = time.perf_counter(), time.process_time()
        results = await run_tier(app_url, users, rounds, **options)
        cpu, elapsed = time.process_time() - cpu_started, time.perf_counter() - started
        # Only a tier reports its rounds: the call without is the warm-up.
        if options.get("on_round_complete") is not None:
            with open(results_path, "a", encoding="utf-8") as file:
                file.write(json.dumps(tier_line(users, rounds, results, elapsed, cpu)) + "\n")
        return results

    return recorded


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    results_path = os.path.abspath(sys.argv[1])
    # The app is a child of this process and hf-perftest stops it on Ctrl-C, but not on SIGTERM.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    runner.sync_bucket = lambda *_args, **_options: None
    os.makedirs("sample-inputs", exist_ok=True)
    runner.run_httpx_tier = recording(runner.run_httpx_tier, results_path)
    sys.argv = ["hf-perftest", *sys.argv[2:]]
    cli.main()


if __name__ == "__main__":
    main()
