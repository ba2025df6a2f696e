import datetime
from pathlib import Path

import pytest

from raydoa.costs.book_files import BOOKS, open_book, shipped_books
from raydoa.costs.prices import Cluster, PriceBook
from raydoa.errors import UserError

TODAY = datetime.date(2026, 11, 21)
OURS = """\
book_id: ours
extends: 2026-11-09
labels:
  mine: {value: 0.5, source: quote, date: 2026-11-01}
"""


PRICE = "{value: 1.2, source: our contract, date: 2026-11-01}"


def gpu(name: str, field: str) -> str:
    return f"{OURS}accelerators:\n  {name}:\n    {field}\n"


def test_every_shipped_book_opens() -> None:
    assert shipped_books() == ("2026-11-09", "embedded")
    for name in shipped_books():
        assert open_book(name).book_id == name
    assert all(path.suffix == ".yaml" for path in BOOKS.iterdir())


def test_prices_of_the_design(book: PriceBook) -> None:
    labels = {"wlp": 0.26, "stanceosaurus": 0.364, "fever": 0.129, "multipit_id": 0.2}
    labels |= {"multipit_gen": 0.371, "nq": 0.129}
    assert {name: price.value for name, price in book.labels.items()} == labels
    assert book.gpu_hour_usd("a100-40gb") * 8 == pytest.approx(21.957642)
    gpus = {name: a.usd_per_gpu_hour.value for name, a in book.accelerators.items()}
    assert gpus["a100-80gb"] == 3.4309
    assert gpus["h100-80gb"] == 6.88
    assert gpus["a100-80gb-azure"] == 3.673
    assert gpus["h100-80gb-runpod"] == 3.99
    assert book.scaled is None


def test_embedded_has_the_same_prices_and_says_that_it_is_scaled(
    book: PriceBook, embedded: PriceBook
) -> None:
    assert embedded.accelerators == book.accelerators
    assert embedded.label_usd("lexicon") == book.label_usd("wlp") == embedded.label_usd("wlp")
    assert "WLP" in embedded.labels["lexicon"].source
    assert embedded.scaled is not None
    assert "priced as T5" in embedded.scaled


def test_kgco2e_of_a_gpu_hour_is_the_product_of_its_factors(book: PriceBook) -> None:
    assert book.kgco2e_per_gpu_hour("a100-40gb", "us") == pytest.approx(0.4 * 1.14 * 0.348)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (
            lambda b: b.label_usd("wlpp"),
            "label price of task 'wlpp': not in price book '2026-11-09'",
        ),
        (lambda b: b.label_usd("wlpp"), "did you mean 'wlp'?"),
        (lambda b: b.accelerator("a100"), "accelerator 'a100': not in price book"),
        (lambda b: b.kgco2e_per_gpu_hour("a100-40gb", "mars"), "grid intensity of region 'mars'"),
        (lambda b: b.with_label_price("wlp", -1, "test", TODAY), "found -1; it must be a number from 0 up"),
        (lambda b: b.with_grid_intensity("us", float("inf"), "test", TODAY), "found inf; it must be a number from 0 up"),
        (lambda b: b.with_gpu_price("a100-40gb", float("nan"), "test", TODAY), "found nan"),
        (lambda _: open_book("embeded"), "did you mean 'embedded'?"),
    ],
)  # fmt: skip
def test_a_price_that_is_not_known_is_one_clear_line(ask, said: str, book: PriceBook) -> None:
    with pytest.raises(UserError) as mistake:
        ask(book)
    assert said in str(mistake.value)
    assert "\n" not in str(mistake.value)


def test_another_price_makes_another_book(book: PriceBook) -> None:
    dearer = book.with_label_price("wlp", 0.3, "a quote", TODAY)
    assert dearer.label_usd("wlp") == 0.3
    assert dearer.book_id == "2026-11-09+label.wlp=0.3"
    both = dearer.with_gpu_price("a100-40gb", 2.0, "spot", TODAY)
    green = both.with_grid_intensity("us", 0.1, "a contract", TODAY)
    assert green.book_id == "2026-11-09+label.wlp=0.3+gpu.a100-40gb=2+grid.us=0.1"
    assert green.gpu_hour_usd("a100-40gb") == 2.0
    assert green.grid["us"].source == "a contract"
    assert book.label_usd("wlp") == 0.26


def test_nothing_is_a_price_where_it_is_stated(book: PriceBook) -> None:
    free = book.with_label_price("wlp", 0, "our own", TODAY)
    free = free.with_gpu_price("a100-40gb", -0.0, "our own", TODAY)
    free = free.with_grid_intensity("us", 0.0, "our own dam", TODAY)
    assert free.book_id == "2026-11-09+label.wlp=0+gpu.a100-40gb=0+grid.us=0"
    assert free.label_usd("wlp") == free.gpu_hour_usd("a100-40gb") == 0
    assert free.kgco2e_per_gpu_hour("a100-40gb", "us") == 0
    assert free.with_label_price("wlp", 0, "again", TODAY) is free
    assert Cluster(name="ours", accelerator="a100-40gb", gpus=8).usd_per_hour(free) == 0
    with pytest.raises(UserError, match="label price of task 'mine': not in price book"):
        free.label_usd("mine")


def test_the_same_price_is_the_same_book(book: PriceBook) -> None:
    assert book.with_label_price("wlp", 0.26, "again", TODAY) is book
    assert book.with_gpu_price("h100-80gb", 6.88, "again", TODAY) is book
    assert book.with_grid_intensity("us", 0.348, "again", TODAY) is book


def test_a_book_of_ones_own_extends_a_shipped_one(tmp_path: Path, book: PriceBook) -> None:
    path = tmp_path / "ours.yaml"
    path.write_text(OURS)
    ours = open_book(path)
    assert ours.label_usd("mine") == 0.5
    assert ours.labels.keys() == {*book.labels, "mine"}
    assert ours.accelerators == book.accelerators
    assert ours.book_id == "ours"


def test_one_number_of_an_accelerator_is_changed_alone(tmp_path: Path, book: PriceBook) -> None:
    path = tmp_path / "ours.yaml"
    path.write_text(gpu("a100-40gb", f"usd_per_gpu_hour: {PRICE}"))
    ours = open_book(path)
    before = book.accelerator("a100-40gb")
    changed = ours.accelerator("a100-40gb").usd_per_gpu_hour
    assert (changed.value, changed.source) == (1.2, "our contract")
    assert ours.accelerator("a100-40gb") == before.model_copy(update={"usd_per_gpu_hour": changed})
    others = {name: of for name, of in book.accelerators.items() if name != "a100-40gb"}
    assert ours.accelerators == {"a100-40gb": ours.accelerator("a100-40gb"), **others}
    path.write_text(gpu("a100-40gb", f"usd_per_gpu_hour: {PRICE.replace('1.2', '0')}"))
    assert open_book(path).gpu_hour_usd("a100-40gb") == 0


def test_a_model_more_is_priced_as_another(tmp_path: Path, embedded: PriceBook) -> None:
    path = tmp_path / "ours.yaml"
    models = "priced_as: {models: {mine: google/t5-v1_1-small}}"
    path.write_text(f"book_id: ours\nextends: embedded\n{models}\n")
    before, after = embedded.priced_as, open_book(path).priced_as
    assert before is not None and after is not None
    assert after.models == {**before.models, "mine": "google/t5-v1_1-small"}
    assert (after.source_length, after.target_length) == (128, 64)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("book_id: ours\n", "accelerators: missing"),
        (OURS.replace("2026-11-09\n", "nowhere\n"), "extends: found 'nowhere'"),
        (OURS.replace("0.5", "-0.5"), "labels.mine.value: found -0.5"),
        (OURS.replace("0.5", ".nan"), "labels.mine.value: found nan"),
        (OURS.replace("source: quote, ", ""), "labels.mine.source: missing"),
        (OURS + "pue: {value: 0.9, source: x, date: 2026-11-01}\n", "pue is 0.9; it is at least 1"),
        (OURS + "extra: 1\n", "extra: unknown field"),
        (OURS.replace("extends", "extend"), "extend: unknown field; known are accelerators, book_id, extends"),
        (gpu("a100-40gb", f"usd_per_gpu_huor: {PRICE}"), "known are bandwidth_utilisation, gpus_per_node"),
        (gpu("a100-40gb", f"usd_per_gpu_huor: {PRICE}"), "usd_per_gpu_hour (did you mean 'usd_per_gpu_hour'?)"),
        (gpu("a100-40gb", "usd_per_gpu_hour: {value: 1.2}"), "a100-40gb.usd_per_gpu_hour.source: missing"),
        (gpu("a100-40gb", "usd_per_gpu_hour: 1.2"), "a100-40gb.usd_per_gpu_hour: found 1.2"),
        (gpu("a100-40gb", "usd_per_gpu_hour: {value: -1, source: x, date: 2026-11-01}"), "usd_per_gpu_hour.value: found -1"),
        (gpu("a100-40gb", "memory_gib: {value: 0, source: x, date: 2026-11-01}"), "memory_gib.value: found 0"),
        (gpu("a100-40gb", "training_utilisation: {value: 2, source: x, date: 2026-11-01}"), "it is a share, at most 1"),
        (gpu("a100-40g", f"usd_per_gpu_hour: {PRICE}"), "accelerators.a100-40g: missing gpus_per_node, memory_gib, peak_bf16"),
        (gpu("a100-40g", f"usd_per_gpu_hour: {PRICE}"), "a new accelerator is given whole (did you mean 'a100-40gb'?)"),
        (gpu("mine", f"usd_per_gpu_huor: {PRICE}"), "accelerators.mine.usd_per_gpu_huor: unknown field"),
        (OURS + "accelerators: {a100-40gb: 3}\n", "accelerators.a100-40gb: found 3"),
        (OURS + "accelerators: {a100-40gb: }\n", "accelerators.a100-40gb: found None"),
        (OURS + "priced_as: {models: {mine: google/t5-v1_1-small}}\n", "priced_as.source_length: missing"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_book_names_file_and_field(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "ours.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as mistake:
        open_book(path)
    assert str(path) in str(mistake.value)
    assert said in str(mistake.value)


def test_a_cluster_bills_whole_nodes(book: PriceBook) -> None:
    cluster = Cluster(name="ours", accelerator="a100-40gb", gpus=12)
    assert cluster.nodes(book) == 2
    assert cluster.usd_per_hour(book) == pytest.approx(2 * 21.957642)
    assert cluster.wall_clock_seconds(gpu_seconds=7200) == 600
