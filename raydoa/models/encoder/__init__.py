"""The family of encoders with a head: BERT, MiniLM, DistilBERT, ModernBERT, DeBERTa and the like."""
