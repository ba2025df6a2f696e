"""Model families: one file or folder each. How a kind of model is described, priced, trained and asked."""

from raydoa.models.causal.family import Causal
from raydoa.models.encoder.family import Encoder
from raydoa.models.family import Family
from raydoa.models.linear.family import Linear
from raydoa.models.seq2seq.family import Seq2Seq
from raydoa.plugins import Registry

FAMILIES: Registry[Family] = Registry("model family")
for _family in (Seq2Seq(), Encoder(), Causal(), Linear()):
    FAMILIES.register(_family)
