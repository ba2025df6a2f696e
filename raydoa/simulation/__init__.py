"""A sweep in simulated time: the real cells, plans, stages and builder, on GPUs that only pass the time.

`clock` runs blocking code on a simulated clock, `gpus` is the cluster, `durations` what each stage takes, `sweep` puts
the real `raydoa.pipeline.builder.Builder` of every trial on them, and `bound` says how fast no schedule can be.
"""
