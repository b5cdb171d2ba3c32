"""Returns the sound it is given.

Exercises upload, decoding into an array of samples, encoding as a new file, download. The function is synchronous: it
runs in a worker thread, of which there are GRADIO_MAX_THREADS.
"""

import os

import gradio as gr

_limit = os.environ.get("GRADIO_CONCURRENCY_LIMIT", "1")
CONCURRENCY_LIMIT = None if _limit == "none" else int(_limit)
MAX_THREADS = int(os.environ.get("GRADIO_MAX_THREADS", "40"))


def generate_audio(audio):
    return audio


demo = gr.Interface(
    fn=generate_audio,
    inputs=gr.Audio(),
    outputs=gr.Audio(),
    concurrency_limit=CONCURRENCY_LIMIT,
)


if __name__ == "__main__":
    demo.launch(max_threads=MAX_THREADS)
