"""LLMs behind endpoints: who they are, what they are asked about a row, what they answered and what that cost.

A spec (`raydoa.llm.spec`) names a model at an OpenAI-compatible endpoint. What it is asked about a task's rows is an
`Inquiry`; of a row that is a list of messages, whose hash is the key of the answer. Answers are paid for, so they are no
cache: `raydoa.llm.journal` keeps each as soon as it is there, and nothing removes it.
"""
