"""What stops the local cloud on purpose, said in three lines: what, cause, hint."""


class CloudError(Exception):
    """A failure that was foreseen; `str()` of it is fit to show to a person."""

    def __init__(self, what: str, *, cause: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.what]
        if self.cause:
            lines.append(f"  cause: {self.cause}")
        if self.hint:
            lines.append(f"  hint:  {self.hint}")
        return "\n".join(lines)
