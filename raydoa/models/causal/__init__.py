"""The family of decoder-only models: Qwen, Llama, GPT-2, Gemma, SmolLM and the like."""
