"""Deliver a benchmark round's scores with simple-salesforce, by Bulk API 2.0: the same changes as the Go client."""

import argparse
import csv
import gc
import io
import json
import resource
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from simple_salesforce import Salesforce

REASONS_LENGTH = 100
FILLER = " pages viewed this week; asked for a quote; opened 3 emails this month. Down: no call in thirty days."


def record(lead: int, arguments: argparse.Namespace) -> dict[str, str]:
    """Make what a lead gets in the round."""
    score = (lead * 7 + arguments.round * 13) % 101
    return {
        "Lead_Key__c": f"L{lead:07d}",
        "Lead_Score__c": str(score),
        "Lead_Grade__c": "DCBA"[min(score // 25, 3)],
        "Lead_Score_Model__c": "lead_scoring@0a1b2c3d",
        "Lead_Score_Version__c": arguments.version,
        "Lead_Scored_At__c": arguments.at,
        "Lead_Score_Reasons__c": f"Up: {(lead * 31 + arguments.round) % 9973}{FILLER}"[:REASONS_LENGTH],
    }


def connect(arguments: argparse.Namespace) -> Salesforce:
    """Log in, and have the client speak plain http, as the emulated org does."""
    login = {
        "grant_type": "client_credentials",
        "client_id": arguments.client_id,
        "client_secret": arguments.client_secret,
    }
    form = urllib.parse.urlencode(login).encode()
    with urllib.request.urlopen(f"{arguments.url}/services/oauth2/token", form, timeout=30) as answer:  # noqa: S310
        token = json.load(answer)["access_token"]
    client = Salesforce(instance_url=arguments.url, session_id=token, version="66.0")
    client.bulk2_url = client.bulk2_url.replace("https://", "http://")
    return client


def deliver(client: Salesforce, records: list[dict[str, str]]) -> int:
    """Upsert the records, read what became of each, and return how many were accepted."""
    leads = client.bulk2.Lead
    accepted: set[str] = set()
    for job in leads.upsert(records=records, external_id_field="Lead_Key__c", wait=1):
        for row in csv.DictReader(io.StringIO(leads.get_successful_records(job["job_id"]))):
            accepted.add(row["Lead_Key__c"])
        for rest in (leads.get_failed_records(job["job_id"]), leads.get_unprocessed_records(job["job_id"])):
            for row in csv.DictReader(io.StringIO(rest)):
                raise SystemExit(f"a record was not accepted: {row.get('sf__Error')}")
    return len(accepted)


def memory(name: str) -> float:
    """Read a line of this process's status, in MiB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(name)[1].split()[0]) / 1024


def cpu() -> float:
    """Return the CPU time of this process in seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Deliver once and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("url", "client-id", "client-secret", "version", "at"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--changes", type=int, required=True)
    parser.add_argument("--round", type=int, required=True)
    arguments = parser.parse_args()

    records = [record(lead, arguments) for lead in range(arguments.changes)]
    gc.collect()
    base = memory("VmRSS:")
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak to what is in use
    before, start = cpu(), time.monotonic()
    accepted = deliver(connect(arguments), records)
    cost: dict[str, Any] = {
        "Seconds": time.monotonic() - start,
        "CPU": cpu() - before,
        "PeakMiB": memory("VmHWM:") - base,
        "Accepted": accepted,
    }
    print(json.dumps(cost))


if __name__ == "__main__":
    main()
