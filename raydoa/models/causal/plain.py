"""Whether a model's logits are its output head times what its body gives, and nothing else.

Only then do states stand for distributions over tokens, so only then can they be kept as soft labels, and learnt from.
Some models change what comes out of their head: Gemma-2 caps it, Cohere and Granite scale it, GPT-J adds a bias. Those
learn and teach text and classes, with logits from their own forward pass.

Plans know it by the names in a configuration. A model that is open is asked: a token is sent through it.
"""

from collections.abc import Mapping
from typing import Any

_CHANGES = (
    "final_logit_softcapping",
    "logits_soft_cap",
    "output_logit_soft_cap",
    "logit_scale",
    "logits_scaling",
    "lm_head_multiplier",
)
_BY_DEFAULT = {"gemma2", "cohere", "cohere2", "recurrent_gemma", "gptj", "phi", "codegen", "ctrl", "xlstm"}  # fmt: skip
"""Kinds that have a bias, or that do one of these unless their configuration says otherwise."""


def says_plain(config: Mapping[str, Any]) -> bool:
    """Whether it is so, as far as a `config.json` tells."""
    named = [config[name] for name in _CHANGES if name in config]
    if any(value not in (None, 0, 1) for value in named):
        return False
    return config.get("model_type") not in _BY_DEFAULT or bool(named)


def is_plain(network: Any) -> bool:
    """Whether it is so of a model that is open; one whose weights lie in parts (ZeRO-3) cannot be asked."""
    import torch

    head = network.get_output_embeddings()
    if head.bias is not None:
        return False
    if not head.weight.numel():
        return says_plain(network.config.to_dict())
    seen: dict[str, Any] = {}

    def keep(_module: Any, inputs: tuple[Any, ...], output: Any) -> None:
        seen.update(state=inputs[0], output=output)

    hooks = [
        head.register_forward_hook(keep),
        network.base_model.register_forward_hook(
            lambda _module, _inputs, output: seen.update(body=output[0])
        ),
    ]
    try:
        ids = torch.zeros((1, 2), dtype=torch.long, device=network.device)
        with torch.no_grad():
            logits = network(input_ids=ids, use_cache=False).logits
    finally:
        for hook in hooks:
            hook.remove()
    return torch.equal(seen["state"], seen["body"]) and torch.equal(seen["output"], logits)
