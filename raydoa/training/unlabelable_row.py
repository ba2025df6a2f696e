"""The error of a row that cannot be labelled; without torch, since drivers tell of it."""

from raydoa.errors import UserError


class UnlabelableRow(UserError):
    """A row for which a model cannot generate; ``row_id`` names it."""

    def __init__(self, row_id: str, why: str) -> None:
        super().__init__(row_id, why)
        self.row_id = row_id
        self.why = why

    def __str__(self) -> str:
        return f"row {self.row_id} cannot be labelled: {self.why}; mend or remove it and run again"
