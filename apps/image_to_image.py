"""Returns the image it is given.

Exercises the whole way of a file: upload, decoding into an array, encoding again, download. The function is
asynchronous, as it is in hf-perftest's app of this name, so that figures can be set side by side.
"""

import os

import gradio as gr

_limit = os.environ.get("GRADIO_CONCURRENCY_LIMIT", "1")
CONCURRENCY_LIMIT = None if _limit == "none" else int(_limit)
MAX_THREADS = int(os.environ.get("GRADIO_MAX_THREADS", "40"))


async def generate_image(image):
    return image


demo = gr.Interface(
    fn=generate_image,
    inputs=gr.Image(),
    outputs=gr.Image(),
    concurrency_limit=CONCURRENCY_LIMIT,
)


if __name__ == "__main__":
    demo.launch(max_threads=MAX_THREADS)
