"""Counts how often this session has pressed the button.

Exercises session state: the dictionary (a count and 100 numbers) is kept on the server for each session and copied at
its first use.
"""

import os

import gradio as gr

_limit = os.environ.get("GRADIO_CONCURRENCY_LIMIT", "1")
CONCURRENCY_LIMIT = None if _limit == "none" else int(_limit)
MAX_THREADS = int(os.environ.get("GRADIO_MAX_THREADS", "40"))


def increment(text, state):
    if not state:
        state = {"count": 0, "data": list(range(100))}
    state["count"] += 1
    return str(state["count"]), state


with gr.Blocks() as demo:
    session = gr.State()
    text = gr.Textbox(label="Input")
    count = gr.Textbox(label="Count")
    button = gr.Button("Increment")
    button.click(
        fn=increment,
        inputs=[text, session],
        outputs=[count, session],
        concurrency_limit=CONCURRENCY_LIMIT,
    )


if __name__ == "__main__":
    demo.launch(max_threads=MAX_THREADS)
