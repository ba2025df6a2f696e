"""A causal model that is packed as a GGUF file, as the folder that `save_pretrained` writes: ``from_gguf.py FILE FOLDER``.

Its weights are the packed ones, unpacked to float32. A process of its own, since `gguf` is in nobody's environment.
"""

import sys
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer


def convert(file: Path, folder: Path) -> None:
    """Write the model of ``file`` and its tokenizer into ``folder``."""
    packed = {"pretrained_model_name_or_path": file.parent, "gguf_file": file.name}
    read = AutoModelForCausalLM.from_pretrained(**packed, dtype=torch.float32)
    values = read.config.to_dict()
    # What was read still says that it is quantised, and is not saved.
    values.pop("quantization_config", None)
    plain = AutoModelForCausalLM.from_config(AutoConfig.for_model(**values))
    plain.load_state_dict(read.state_dict())
    plain.save_pretrained(folder)
    AutoTokenizer.from_pretrained(**packed).save_pretrained(folder)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
