"""Returns the text it is given.

The function does nothing, so what a request costs here is what Gradio itself costs: the queue, the event stream,
checking and encoding one string.
"""

import os

import gradio as gr

_limit = os.environ.get("GRADIO_CONCURRENCY_LIMIT", "1")
CONCURRENCY_LIMIT = None if _limit == "none" else int(_limit)
MAX_THREADS = int(os.environ.get("GRADIO_MAX_THREADS", "40"))

demo = gr.Interface(
    fn=lambda text: text,
    inputs="textbox",
    outputs="textbox",
    concurrency_limit=CONCURRENCY_LIMIT,
)


if __name__ == "__main__":
    demo.launch(max_threads=MAX_THREADS)
