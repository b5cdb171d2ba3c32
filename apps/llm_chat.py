"""A chat with a language model behind Hugging Face's inference providers, streamed token by token.

Exercises what a real chat app does: many open streams that mostly wait for somebody else. A token is needed (HF_TOKEN
or a saved login), and calls cost what the provider charges.

Settings: PLIMSOLL_LLM_MODEL, PLIMSOLL_LLM_PROVIDER, and PLIMSOLL_INFERENCE_BASE_URL for another OpenAI-compatible
server (its address with or without /v1; no token needed then).
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
        "or set PLIMSOLL_INFERENCE_BASE_URL to the address of an OpenAI-compatible server.",
        file=sys.stderr,
    )
    sys.exit(2)

MODEL = os.environ.get("PLIMSOLL_LLM_MODEL", "openai/gpt-oss-20b")
PROVIDER = os.environ.get("PLIMSOLL_LLM_PROVIDER", "groq")
MAX_TOKENS = 256

# A client with an address of its own ignores provider and model; the model then goes into each call.
client = InferenceClient(base_url=BASE_URL) if BASE_URL else InferenceClient(model=MODEL, provider=PROVIDER)


def chat(message, history):
    answer = ""
    stream = client.chat_completion(
        messages=[{"role": "user", "content": message}],
        model=MODEL,
        max_tokens=MAX_TOKENS,
        stream=True,
    )
    for chunk in stream:
        # The first chunk of many servers names only the role and the last only the usage: an output for these would
        # be taken for the first token.
        text = chunk.choices[0].delta.content if chunk.choices else None
        if text:
            answer += text
            yield answer


demo = gr.ChatInterface(fn=chat, concurrency_limit=CONCURRENCY_LIMIT)


if __name__ == "__main__":
    demo.launch(max_threads=MAX_THREADS)
