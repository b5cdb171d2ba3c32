"""Answers a text with an image of 256 x 256 random pixels.

Exercises what happens to output files: the array is encoded, the file is written to Gradio's cache and offered for
download. Noise compresses badly, so files are large for their side (45 KB as the WebP that Gradio 6 makes). The same
text gives the same image, in every process.
"""

import os
import zlib

import gradio as gr
import numpy as np

_limit = os.environ.get("GRADIO_CONCURRENCY_LIMIT", "1")
CONCURRENCY_LIMIT = None if _limit == "none" else int(_limit)
MAX_THREADS = int(os.environ.get("GRADIO_MAX_THREADS", "40"))

SIDE = 256


def generate_image(text):
    seed = zlib.crc32(text.encode())
    noise = np.random.default_rng(seed)
    return noise.integers(0, 256, size=(SIDE, SIDE, 3), dtype=np.uint8)


demo = gr.Interface(
    fn=generate_image,
    inputs=gr.Textbox(),
    outputs=gr.Image(),
    concurrency_limit=CONCURRENCY_LIMIT,
)


if __name__ == "__main__":
    demo.launch(max_threads=MAX_THREADS)
