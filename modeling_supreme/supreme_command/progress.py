"""How far a command is: records or windows, rate and time left, on standard error."""

from collections.abc import Callable, Iterator

from tqdm.auto import tqdm


def bar(doing: str, *, unit: str = " ECG") -> Callable[[Iterator[int], int, int], None]:
    """What shows the progress of something, by the numbers of records, or of what else, that are done as they come."""

    def follow(progress: Iterator[int], num_done: int, num_records: int) -> None:
        with tqdm(total=num_records, initial=num_done, unit=unit, desc=doing, smoothing=0.1) as shown:
            for num_records_more in progress:
                shown.update(num_records_more)

    return follow
