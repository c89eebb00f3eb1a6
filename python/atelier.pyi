"""Streams images as torch tensors. docs/python.md tells the whole."""

from collections.abc import Iterator, Mapping
from os import PathLike
from typing import Any, Literal

from torch import Tensor

__version__: str

class Batch:
    """Samples of one step, in order of position. `len(batch)` is N."""

    @property
    def images(self) -> Tensor:
        """uint8 [N, 3, H, W], in the stream's own memory: it is reused when no tensor holds it any more."""
    @property
    def conditions(self) -> Tensor | None:
        """uint8 [N, C, H, W], likewise: C is 1 (outline) or 3 (file); None without data.condition."""
    @property
    def labels(self) -> Tensor:
        """int64 [N], indices into Stream.labels; -1 where the entry has none."""
    @property
    def positions(self) -> Tensor:
        """int64 [N], counted from the start of the run."""
    @property
    def entries(self) -> Tensor:
        """int64 [N], rows of the list from 0; of the substitute where there is one."""
    @property
    def captions(self) -> list[str]: ...
    def __len__(self) -> int: ...

class Stream:
    """Batches of a list's images, without end. `len(stream)` is the rows of one pass, not a number of batches."""

    def __init__(
        self,
        list: str | PathLike[str],
        *,
        batch_size: int | None = None,
        image_size: int | None = None,
        seed: int | None = None,
        held_out: float | None = None,
        split: Literal["train", "held_out"] = "train",
        rank: int = 0,
        world: int = 1,
        settings: Mapping[str, str | int | float | bool | PathLike[str] | None] = ...,
    ) -> None:
        """Opens the list; fetching begins with the first batch. ValueError: something must be changed."""
    def __iter__(self) -> Iterator[Batch]:
        """The stream itself: another loop goes on where the last one stopped."""
    def __next__(self) -> Batch:
        """Blocks until the batch is there. RuntimeError: the run is over."""
    def __len__(self) -> int: ...
    def state_dict(self) -> dict[str, Any]:
        """After the batches so far, as plain values that JSON and pickle keep."""
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The next batch is the one that followed `state_dict`. ValueError: it is of another stream."""
    def report(self) -> dict[str, Any]:
        """How it is going: delivered, failures by kind, and which stage the others wait for."""
    @property
    def labels(self) -> list[str]: ...
