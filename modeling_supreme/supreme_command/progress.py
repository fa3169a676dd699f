"""How far a command is: records, rate and time left, on standard error."""

from collections.abc import Callable, Iterator

from tqdm.auto import tqdm


def bar(doing: str) -> Callable[[Iterator[int], int, int], None]:
    """What shows the progress of something, by the numbers of records that are done as they come."""

    def follow(progress: Iterator[int], num_done: int, num_records: int) -> None:
        with tqdm(total=num_records, initial=num_done, unit=" ECG", desc=doing, smoothing=0.1) as shown:
            for num_records_more in progress:
                shown.update(num_records_more)

    return follow
