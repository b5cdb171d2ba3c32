"""Returns the video it is given.

Video stays a file from end to end, so this exercises copying and hashing of files that are larger than images and
sounds. The function is synchronous: it runs in a worker thread, of which there are GRADIO_MAX_THREADS.
"""

import os

import gradio as gr

_limit = os.environ.get("GRADIO_CONCURRENCY_LIMIT", "1")
CONCURRENCY_LIMIT = None if _limit == "none" else int(_limit)
MAX_THREADS = int(os.environ.get("GRADIO_MAX_THREADS", "40"))


def generate_video(video):
    return video


demo = gr.Interface(
    fn=generate_video,
    inputs=gr.Video(),
    outputs=gr.Video(),
    concurrency_limit=CONCURRENCY_LIMIT,
)


if __name__ == "__main__":
    demo.launch(max_threads=MAX_THREADS)
