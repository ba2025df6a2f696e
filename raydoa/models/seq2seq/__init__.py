"""The family of encoder-decoders: T5 and T5 v1.1 checkpoints, and the nano models that raydoa pretrains itself."""
