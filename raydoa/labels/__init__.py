"""Label sources: one file each. Who labels rows, what it takes, and in which output space the labels are."""

from raydoa.labels.gold import GoldSource
from raydoa.labels.llm import LlmSource
from raydoa.labels.source import LabelSource
from raydoa.labels.teacher import TeacherSource
from raydoa.plugins import Registry

SOURCES: Registry[LabelSource] = Registry("label source")
for _source in (GoldSource(), TeacherSource(), LlmSource()):
    SOURCES.register(_source)
