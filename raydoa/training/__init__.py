"""Training and distillation in plain PyTorch, on token ids: no tasks, no tokenizers, no Ray."""
