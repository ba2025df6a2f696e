"""The family of encoder-decoders: checkpoints of T5's and of BART's architecture, and the nano models that raydoa pretrains itself."""
