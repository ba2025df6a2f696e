"""Model families: one file or folder each. How a kind of model is described, priced, trained and asked."""

from raydoa.models.family import Family
from raydoa.models.seq2seq.family import Seq2Seq
from raydoa.plugins import Registry

FAMILIES: Registry[Family] = Registry("model family")
FAMILIES.register(Seq2Seq())
