"""A chat that repeats the message, growing by about a fifth of the text every 5 ms.

Exercises streaming: each step is compared with the one before, and only the difference is sent to the browser.
"""

import os
import time

import gradio as gr

_limit = os.environ.get("GRADIO_CONCURRENCY_LIMIT", "1")
CONCURRENCY_LIMIT = None if _limit == "none" else int(_limit)
MAX_THREADS = int(os.environ.get("GRADIO_MAX_THREADS", "40"))

STEPS = 5
PAUSE_SECONDS = 0.005


def echo_stream(message, history):
    answer = f"Echo: {message}"
    step = max(1, len(answer) // STEPS)
    for end in range(step, len(answer) + step, step):
        time.sleep(PAUSE_SECONDS)
        yield answer[:end]


demo = gr.ChatInterface(fn=echo_stream, concurrency_limit=CONCURRENCY_LIMIT)


if __name__ == "__main__":
    demo.launch(max_threads=MAX_THREADS)
