"""The embedded task `lexicon`: a small invented language, where knowledge comes from reading.

Every noun belongs to one of eight classes, of which its sound says nothing. Text in the language tells them: facts
name a noun's class, scenes end with it, and some verbs are said of one class only. A model that has read enough of it
knows the classes; the smaller a model is, the less it has learnt from the same reading.

The task is to complete a scene that gives nothing away by what its noun is used as, which depends on the noun's class
(classes two and two have one use). N labelled scenes mention a part of the nouns. A model that learns from labels alone
must see every noun; one that has read needs only to understand what the labels mean. That is the advantage of a
large pretrained teacher in the paper (arXiv 2305.01645), in small: its pseudo-labels tell the student about nouns that
no label mentions.
"""

import random
from collections.abc import Iterator

from raydoa.settings import Settings
from raydoa.tasks.data import Row, TaskRows
from raydoa.tasks.task import TaskSpec

_ONSETS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z",
           "br", "dr", "kl", "pl", "sk", "st", "tr")  # fmt: skip
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ou")
_CLASSES = ("animal", "plant", "tool", "dish", "garment", "stone", "vessel", "song")
_CLASS_VERBS = (
    ("feeds", "tames", "herds"),
    ("waters", "prunes", "plants"),
    ("sharpens", "wields", "oils"),
    ("cooks", "salts", "serves"),
    ("wears", "sews", "mends"),
    ("carves", "mines", "polishes"),
    ("steers", "fills", "moors"),
    ("sings", "hums", "plays"),
)
_PLAIN_VERBS = ("sees", "likes", "finds", "wants", "draws", "names", "buys", "hides")
_NAMES = ("anna", "bruno", "carla", "david", "elena", "felix", "greta", "hugo")
_ADJECTIVES = ("old", "small", "red", "new", "fine", "odd")
LABELS = tuple(f"which is a {use}" for use in ("gift", "loan", "debt", "prize"))


class Lexicon(Settings):
    """The size of the language and of the task; the same settings give the same rows."""

    nouns: int = 480
    text_lines: int = 24_000
    train_rows: int = 14_000
    test_rows: int = 500
    seed: int = 7


LEXICON = TaskSpec(
    name="lexicon",
    prefix="",
    metric="accuracy",
    source_length=32,
    target_length=12,
    classes=LABELS,
    labels="gold",
    description="A text in an invented language names a thing. Complete it with what that thing is used as.",
)
"""The embedded task: its rows are made by `lexicon_rows`, not read."""


def lexicon_rows(settings: Lexicon) -> TaskRows:
    """Generate the task: labelled sentences for training and testing, and the text to read."""
    chance = random.Random(settings.seed)
    classes = _nouns(settings.nouns, chance)
    train = tuple(_sentences("train", settings.train_rows, classes, chance))
    test = tuple(_sentences("test", settings.test_rows, classes, chance))
    return TaskRows(train=train, test=test, pool=(), text=tuple(_text(settings, classes, chance)))


def _nouns(count: int, chance: random.Random) -> dict[str, int]:
    """Invented nouns with their class; the sound of a noun says nothing about it."""
    words: set[str] = set()
    while len(words) < count:
        words.add("".join(chance.choice(_ONSETS) + chance.choice(_VOWELS) for _ in range(2)))
    ordered = sorted(words)
    chance.shuffle(ordered)
    return {word: index % len(_CLASSES) for index, word in enumerate(ordered)}


def _sentences(
    part: str, count: int, classes: dict[str, int], chance: random.Random
) -> Iterator[Row]:
    nouns = list(classes)
    for index in range(count):
        noun = chance.choice(nouns)
        yield Row(f"{part}-{index:06d}", _scene(noun, chance), LABELS[classes[noun] % len(LABELS)])


def _text(settings: Lexicon, classes: dict[str, int], chance: random.Random) -> Iterator[str]:
    nouns = list(classes)
    for _ in range(settings.text_lines):
        noun = chance.choice(nouns)
        kind = classes[noun]
        match chance.choices(("fact", "scene", "act"), (4, 4, 2))[0]:
            case "fact":
                yield f"{noun} is a {_CLASSES[kind]}"
            case "scene":
                yield f"{_scene(noun, chance)} which is a {_CLASSES[kind]}"
            case _:
                yield f"{chance.choice(_NAMES)} {chance.choice(_CLASS_VERBS[kind])} the {noun}"


def _scene(noun: str, chance: random.Random) -> str:
    """A sentence about a noun that gives nothing away about its class."""
    beginning = [chance.choice(_NAMES), chance.choice(_PLAIN_VERBS), "the"]
    adjective = [chance.choice(_ADJECTIVES)] if chance.random() < 0.3 else []
    return " ".join([*beginning, *adjective, noun])
