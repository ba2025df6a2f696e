"""llama.cpp's own server, OpenAI-compatible, for a model in a GGUF file; `xllamacpp` must be importable.

python tests/release/llama_server.py MODEL.gguf       prints its base URL, and serves until its input ends
"""

import sys

import xllamacpp


def serve(model: str) -> None:
    """Serve ``model`` on a free port of this machine."""
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx = 4096
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    server = xllamacpp.Server(params)
    print(f"{server.listening_address}/v1", flush=True)  # noqa: T201
    sys.stdin.read()


if __name__ == "__main__":
    serve(sys.argv[1])
