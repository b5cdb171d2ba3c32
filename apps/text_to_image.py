"""An image for a text, made by a model behind Hugging Face's inference providers.

Exercises long calls that wait for somebody else and end in an image file. A token is needed (HF_TOKEN or a saved
login), and calls cost what the provider charges.

Settings: PLIMSOLL_IMAGE_MODEL, PLIMSOLL_IMAGE_PROVIDER, and PLIMSOLL_INFERENCE_BASE_URL for another server that takes
the prompt as {"inputs": ...} at that very address and answers with an image (no token needed then).
"""

import os
import sys

import gradio as gr
from huggingface_hub import InferenceClient, get_token

_limit = os.environ.get("GRADIO_CONCURRENCY_LIMIT", "1")
CONCURRENCY_LIMIT = None if _limit == "none" else int(_limit)
MAX_THREADS = int(os.environ.get("GRADIO_MAX_THREADS", "40"))

BASE_URL = os.environ.get("PLIMSOLL_INFERENCE_BASE_URL")
if not BASE_URL and not get_token():
    # Better at the start than in every request.
    print(
        "No token for Hugging Face's inference providers: set HF_TOKEN (or log in with `hf auth login`), "
        "or set PLIMSOLL_INFERENCE_BASE_URL to the address of a server that makes images.",
        file=sys.stderr,
    )
    sys.exit(2)

MODEL = os.environ.get("PLIMSOLL_IMAGE_MODEL", "black-forest-labs/FLUX.1-schnell")
PROVIDER = os.environ.get("PLIMSOLL_IMAGE_PROVIDER", "fal-ai")

client = InferenceClient() if BASE_URL else InferenceClient(provider=PROVIDER)


def generate(prompt):
    # For this task a client takes an address in place of a model's name.
    return client.text_to_image(prompt, model=BASE_URL or MODEL)


demo = gr.Interface(
    fn=generate,
    inputs=gr.Textbox(label="Prompt"),
    outputs=gr.Image(label="Generated Image"),
    concurrency_limit=CONCURRENCY_LIMIT,
)


if __name__ == "__main__":
    demo.launch(max_threads=MAX_THREADS)
