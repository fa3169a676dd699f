"""What of the records of a corpus was not used, counted from their accounts, and told in one line."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from modeling_supreme.leads import is_suspicion
from modeling_supreme.recordings import NEGLIGIBLE_S


MAX_NAMED = 10  # records, or reasons, of one kind of loss


def summarize_accounts(accounts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Count the losses of many records.

    Args:
        accounts (`Iterable[Mapping]`):
            Of each record of which not all was used, `record_id` and what is not zero of its
            [`~modeling_supreme.recordings.Account`].

    Returns:
        `dict`: `num_records` that lost anything, and for each kind of loss the number of records and how much it was.
    """
    accounts = list(accounts)
    left_out = Counter(pair for account in accounts for pair in account.get("left_out", {}).items())
    remarks = [(remark, account["record_id"]) for account in accounts for remark in account.get("remarks", ())]
    suspected = list(dict.fromkeys(record_id for remark, record_id in remarks if is_suspicion(remark)))
    others = Counter(remark for remark, _ in remarks if not is_suspicion(remark))
    cut = [account.get("seconds_found", 0.0) - account.get("seconds_used", 0.0) for account in accounts]
    cut = [seconds for seconds in cut if seconds > NEGLIGIBLE_S]
    return {
        "num_records": len(accounts),
        "time_cut_off": {"num_records": len(cut), "seconds": round(sum(cut), 3)},
        "channels_left_out": {
            "num_records": sum("left_out" in account for account in accounts),
            "most_frequent": [
                {"channel": channel, "reason": reason, "num_records": count}
                for (channel, reason), count in _most_frequent(left_out)
            ],
        },
        "gaps_bridged": _count(accounts, "num_bridged_samples", "num_samples"),
        "gaps_masked": _count(accounts, "seconds_missing", "lead_seconds"),
        "clipped": {"num_records": sum("share_clipped" in account for account in accounts)},
        "offsets_removed": {
            "num_records": sum("offsets_removed_mv" in account for account in accounts),
            "num_leads": sum(len(account.get("offsets_removed_mv", {})) for account in accounts),
        },
        "suspected_exchanges": {"num_records": len(suspected), "first": suspected[:MAX_NAMED]},
        "other_remarks": [{"remark": remark, "num_records": count} for remark, count in _most_frequent(others)],
    }


def tell_losses(losses: Mapping[str, Any]) -> str:
    """The summary in one sentence.

    Example:
        >>> account = {"record_id": "7", "left_out": {"vx": "none of the 12"}, "seconds_found": 12, "seconds_used": 10}
        >>> tell_losses(summarize_accounts([account]))
        'of 1 record not all was used: time cut off (1, 2 s), channels left out (1).'
    """
    samples, lead_seconds = losses["gaps_bridged"]["num_samples"], losses["gaps_masked"]["lead_seconds"]
    amounts = {
        "time_cut_off": f"{losses['time_cut_off']['seconds']:,.4g} s",
        "gaps_bridged": f"{samples:,} samples",
        "gaps_masked": f"{lead_seconds:,.4g} s of leads",
        "offsets_removed": f"{losses['offsets_removed']['num_leads']:,} leads",
    }
    counts = {name: loss["num_records"] for name, loss in losses.items() if isinstance(loss, Mapping)}
    counts["other_remarks"] = sum(entry["num_records"] for entry in losses["other_remarks"])
    told = [
        f"{name.replace('_', ' ')} ({', '.join(filter(None, (f'{count:,}', amounts.get(name))))})"
        for name, count in counts.items()
        if count
    ]
    records = f"{losses['num_records']:,} record{'s' if losses['num_records'] != 1 else ''}"
    return f"of {records} not all was used: {', '.join(told)}." if told else "all of every record was used."


def _most_frequent(counts: Counter) -> list[tuple[Any, int]]:
    """What was counted most often; in the order of the alphabet where it was as often."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MAX_NAMED]


def _count(accounts: list[Mapping[str, Any]], field: str, name: str) -> dict[str, Any]:
    """Records with a loss, and its sum over them, also where each lead has its own."""
    values = [account[field] for account in accounts if field in account]
    total = sum(sum(value.values()) if isinstance(value, Mapping) else value for value in values)
    return {"num_records": len(values), name: round(total, 3)}
