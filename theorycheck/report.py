"""Reports: ``claims.json``, ``claims.md`` and the baseline of verdicts on record."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from theorycheck.errors import InputError

SCHEMA_VERSION = 2
"""Of ``claims.json``."""
BASELINE_VERSION = 1
Entry = dict[str, Any]
Table = dict[str, str]
ORDER = ("refuted", "vacuous", "undecided", "holds", "proved")
"""Verdicts in the order in which a reader wants to see them."""


ENTRY_FIELDS = frozenset(
    {
        "id", "title", "kind", "sources", "statement", "description", "hypotheses", "corrects",
        "verdict", "reason", "examples", "tightest", "counterexample", "nearest", "arithmetic",
        "control", "certificate", "seconds", "enough", "seeds", "version",
    }
)  # fmt: skip
"""Fields of every entry of ``claims``; ``seeds`` are those of the runs that gave its evidence."""
RUN_FIELDS = frozenset(
    {
        "profile", "seed", "device", "images", "workers", "finished", "started", "seconds",
        "versions",
    }
)  # fmt: skip
"""Fields of the metadata of a run; ``notes`` are texts, there if there are any."""


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a crash or a full disk leaves the previous file as it was.

    Raises:
        OSError: when the folder or disk does not take it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def dumps(document: Any) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def load(path: Path, what: str, newest: int) -> dict[str, Any]:
    """Read a report or baseline.

    Raises:
        InputError: when it is missing, not JSON, or of a schema version after the newest readable.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text, parse_float=_finite, parse_constant=_finite)
    except FileNotFoundError as error:
        raise InputError(f"{what} {path} does not exist; run `pytest properties/` first") from error
    except (OSError, ValueError, RecursionError) as error:
        reason = str(error).replace("\n", " ")
        raise InputError(f"{what} {path} cannot be read: {reason}; restore or delete it") from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise InputError(f"{what} {path} has no schema_version; restore or delete it")
    if version > newest:
        raise InputError(
            f"{what} {path} has schema version {version}, this theorycheck reads up to"
            f" {newest}; upgrade theorycheck"
        )
    return dict(document)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no finite number")
    return number


def load_report(path: Path) -> dict[str, Any]:
    """Read ``claims.json``; errors as in `load`."""
    document = load(path, "report", SCHEMA_VERSION)
    if document["schema_version"] < SCHEMA_VERSION:
        raise InputError(
            f"report {path} has schema version {document['schema_version']}, this theorycheck reads"
            f" {SCHEMA_VERSION}; run the claims again"
        )
    claims, run = document.get("claims"), document.get("run")
    if not isinstance(claims, list) or not isinstance(run, dict):
        raise InputError(f"report {path} has no run or no list of claims; run the claims again")
    described = runs(document)
    if not isinstance(described, list) or not all(
        isinstance(one, dict) and one.keys() >= RUN_FIELDS for one in described
    ):
        raise InputError(f"report {path} has an incomplete run; run the claims again")
    for claim in claims:
        if not isinstance(claim, dict) or not claim.keys() >= ENTRY_FIELDS:
            raise InputError(f"report {path} has an incomplete claim; run the claims again")
        if claim["verdict"] not in ORDER:
            raise InputError(
                f"report {path}: {claim['verdict']!r} is no verdict; run the claims again"
            )
    return document


def runs(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The metadata of every run that a report is made of: one, or those that were merged."""
    run = document["run"]
    merged: list[dict[str, Any]] = run.get("merged", [run])
    return merged


def load_baseline(path: Path, table: Literal["verdicts", "statements"] = "verdicts") -> Table:
    """Verdicts on record by claim id, or versions of the statements that they are about.

    Empty when there is no record yet. Errors as in `load`.
    """
    if not path.exists():
        return {}
    found = load(path, "baseline", BASELINE_VERSION).get(table, {} if table == "statements" else 0)
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise InputError(f"baseline {path} has no table of {table}; restore or delete it")
    return found


def baseline_text(verdicts: Mapping[str, str], statements: Mapping[str, str] | None = None) -> str:
    return dumps(
        {
            "schema_version": BASELINE_VERSION,
            "verdicts": dict(sorted(verdicts.items())),
            "statements": dict(sorted((statements or {}).items())),
        }
    )


def difference(entry: Entry, record: Mapping[str, str]) -> str | None:
    """What differs between an entry's verdict and the record, in words; None when nothing does."""
    recorded = record.get(entry["id"])
    if recorded == entry["verdict"]:
        return None
    reason = f"{entry['verdict']} ({entry['reason']})"
    if recorded is None:
        return (
            f"{entry['id']}: no verdict on record, now {reason};"
            " record it with `theorycheck gate --accept`"
        )
    return f"{entry['id']}: on record as {recorded}, now {reason}"


def differences(entries: Sequence[Entry], record: Mapping[str, str]) -> list[str]:
    """All differences between a whole report and the record, one line each."""
    changes = [difference(entry, record) for entry in entries]
    reported = {entry["id"] for entry in entries}
    lost = [
        f"{claim}: on record as {verdict}, not in the report"
        for claim, verdict in record.items()
        if claim not in reported
    ]
    return [change for change in changes if change is not None] + lost


def report_text(run: Mapping[str, Any], entries: Sequence[Entry]) -> str:
    """The text of ``claims.json``: ``schema_version``, ``run`` (metadata) and ``claims``."""
    return dumps({"schema_version": SCHEMA_VERSION, "run": dict(run), "claims": list(entries)})


def write_report(folder: Path, document: Mapping[str, Any]) -> str:
    """Write ``claims.json`` and ``claims.md``, and say where.

    Raises:
        OSError: when the folder or disk does not take it.
    """
    write_atomically(folder / "claims.json", dumps(document))
    write_atomically(folder / "claims.md", render_markdown(document))
    return f"report: {folder / 'claims.md'}, {folder / 'claims.json'}"


def verdict_part(document: Mapping[str, Any]) -> str:
    """Everything of a report that must not depend on time, machine or number of workers."""
    kept = [{k: v for k, v in entry.items() if k != "seconds"} for entry in document["claims"]]
    return dumps(kept)


def verdict_table(entries: Iterable[Entry]) -> list[str]:
    """Lines of a plain-text table: verdict, id, examples, seconds."""
    rows = sorted(entries, key=lambda e: (ORDER.index(e["verdict"]), e["id"]))
    width = max((len(row["id"]) for row in rows), default=0)
    return [
        f"{row['verdict']:<9}  {row['id']:<{width}}  "
        f"{row['examples']['met']:>7} examples  {row['seconds']:>6.1f} s"
        for row in rows
    ]


def run_summary(entries: Sequence[Entry]) -> list[str]:
    """What the terminal shows after a run: the table of verdicts and how many there are."""
    counts = f"{len(entries)} claims: {verdict_counts(entries)}"
    return [*verdict_table(entries), "", counts]


def verdict_counts(entries: Iterable[Entry]) -> str:
    counts = Counter(entry["verdict"] for entry in entries)
    return ", ".join(f"{counts[v]} {v}" for v in reversed(ORDER) if counts[v])


def render_markdown(document: Mapping[str, Any]) -> str:
    """``claims.md``: a summary, the refuted claims, then one section per claim."""
    entries = document["claims"]
    lines = [
        "# Claim report",
        "",
        f"{len(entries)} claims: {verdict_counts(entries)}. {_provenance(runs(document))}",
        "",
        *_notes(runs(document)),
        "| verdict | meaning |",
        "|---|---|",
        "| proved | a symbolic derivation reduces the claim to an identity |",
        "| holds | no counterexample, the false neighbour was refuted, the hypotheses were met |",
        "| refuted | a counterexample was found and confirmed; it is printed with the claim |",
        "| vacuous | nothing meets the hypotheses |",
        "| undecided | the evidence did not suffice |",
        "",
        "## Summary",
        "",
        *_summary(entries),
        "",
        "## What is wrong as printed",
        "",
        *_errata(entries),
        "",
        *_tendencies(entries),
        "## Overview",
        "",
        "| claim | verdict | kind | source | examples | tightest |",
        "|---|---|---|---|---:|---:|",
    ]
    for entry in entries:
        tightest = entry["tightest"]
        ratio = "" if tightest is None or tightest["tightness"] is None else tightest["tightness"]
        lines.append(
            f"| [{entry['title']}](#{entry['id']}) | **{entry['verdict']}** | {entry['kind']} |"
            f" {_sources(entry) or 'our own'} | {entry['examples']['met']} | {ratio} |"
        )
    for entry in entries:
        lines += ["", *section(entry)]
    return "\n".join(lines) + "\n"


def _provenance(described: Sequence[Mapping[str, Any]]) -> str:
    texts = [
        f"profile `{run['profile']}`, seed {run['seed']}, device {run['device']}"
        + ("" if run["finished"] else " (interrupted)")
        for run in described
    ]
    if len(texts) == 1:
        return f"P{texts[0][1:]}."
    return f"Merged from {len(texts)} runs: {'; '.join(texts)}."


def _notes(described: Sequence[Mapping[str, Any]]) -> list[str]:
    """What went otherwise than planned in the runs, though not in their results."""
    lines = [f"- {note}" for run in described for note in run.get("notes", [])]
    return ["Notes:", "", *lines, ""] if lines else []


def _summary(entries: Sequence[Entry]) -> list[str]:
    papers: dict[str, Counter[str]] = {}
    titles: dict[str, str] = {}
    for entry in entries:
        for source in entry["sources"] or [{"paper": "our own", "title": "", "year": ""}]:
            papers.setdefault(source["paper"], Counter())[entry["verdict"]] += 1
            name = f" — {source['title']} ({source['year']})" if source["title"] else ""
            titles[source["paper"]] = name
    lines = ["| paper | " + " | ".join(ORDER) + " |", "|---|" + "---:|" * len(ORDER)]
    for paper in sorted(papers):
        counts = " | ".join(str(papers[paper][v] or "") for v in ORDER)
        lines.append(f"| **{paper}**{titles[paper]} | {counts} |")
    return [*lines, "", "A claim printed in several papers counts once for each of them."]


def _errata(entries: Sequence[Entry]) -> list[str]:
    corrected = {entry["corrects"]: entry for entry in entries if entry["corrects"]}
    failed = [
        entry
        for entry in entries
        if entry["verdict"] in ("refuted", "vacuous")
        and entry["kind"] != "tendency"
        and entry["sources"]
    ]
    if not failed:
        return ["Nothing that was checked."]
    lines = []
    for entry in failed:
        line = f"- **{entry['verdict']}** [{entry['title']}](#{entry['id']}), {_sources(entry)}."
        if entry["id"] in corrected:
            other = corrected[entry["id"]]
            line += f" Corrected form: [{other['title']}](#{other['id']}), {other['verdict']}."
        lines.append(line)
    return lines


def _tendencies(entries: Sequence[Entry]) -> list[str]:
    """Refuted tendencies: not errors of a formula, but effects that did not show."""
    failed = [e for e in entries if e["verdict"] == "refuted" and e["kind"] == "tendency"]
    if not failed:
        return []
    return [
        "## Tendencies that did not show",
        "",
        "Each is decided under the protocol that its hypotheses name; another protocol is another"
        " claim.",
        "",
        *(f"- [{e['title']}](#{e['id']}), {_sources(e) or 'our own'}." for e in failed),
        "",
    ]


def _sources(entry: Entry) -> str:
    return "; ".join(f"{s['paper']}, {s['place']}" for s in entry["sources"])


def section(entry: Entry) -> list[str]:
    examples = entry["examples"]
    lines = [
        f'<a id="{entry["id"]}"></a>',
        "",
        f"### {entry['title']}",
        "",
        f"**{entry['verdict'].upper()}** — {entry['reason']}.",
        "",
        f"`{entry['id']}`, {entry['kind']}. Source: {_sources(entry) or 'a claim of our own'}.",
        "",
        "$$" + entry["statement"] + "$$",
        "",
        entry["description"],
        "",
        "Hypotheses: " + "; ".join(entry["hypotheses"]) + ".",
        "",
        f"Examples: {examples['tried']} tried, {examples['met']} met the hypotheses"
        + (f" ({examples['fraction']:.1%})" if examples["met"] < examples["tried"] else "")
        + _details(entry)
        + ".",
    ]
    if entry["corrects"]:
        lines += ["", f"Corrects [`{entry['corrects']}`](#{entry['corrects']})."]
    if entry["counterexample"] is not None:
        lines += ["", "Counterexample:", "", *_example(entry["counterexample"], " is false")]
    elif entry["tightest"] is not None:
        lines += ["", "Tightest example:", "", *_example(entry["tightest"], "")]
    if entry["certificate"]:
        link = f"[`{entry['certificate']}`]({entry['certificate']})"
        lines += ["", f"Certificate: {link}, for `theorycheck verify`."]
    nearest = entry["nearest"]
    if nearest is not None and entry["verdict"] != "vacuous":
        lines += ["", f"Directed search: nearest {nearest['distance']:.6g} ({nearest['note']})."]
    control = entry["control"]
    refuted = control["counterexample"]
    outcome = "not refuted"
    if refuted is not None:
        outcome = (
            f"refuted after {control['examples']['tried']} examples:"
            f" {refuted['left']} {refuted['relation']} {refuted['right']} is false"
        )
    elif control["examples"]["pairs"]:
        outcome = _pairs(control["examples"])
    elif entry["verdict"] == "vacuous":
        outcome = f"the same search met its hypotheses {control['examples']['met']} times"
    return [*lines, "", f"Control: {control['statement']} — {outcome}."]


def _pairs(examples: Mapping[str, Any]) -> str:
    pairs = examples["successes"] + examples["failures"]
    return f"{examples['successes']} of {pairs} pairs show it ({'; '.join(examples['pairs'])})"


def _details(entry: Entry) -> str:
    examples = entry["examples"]
    parts = []
    if examples["degenerate"] == examples["met"] > 0:
        parts.append("met only in degenerate cases")
    elif examples["degenerate"]:
        parts.append(f"{examples['degenerate']} of them degenerate")
    if examples["open"]:
        parts.append(f"{examples['open']} left open by rounding")
    parts += [f"{count} rejected: {reason}" for reason, count in examples["rejected"].items()]
    if examples["pairs"]:
        parts.append(_pairs(examples))
    if entry["arithmetic"]:
        parts.append("decided in " + ", ".join(entry["arithmetic"]))
    return "".join(f"; {part}" for part in parts)


def _example(shown: Mapping[str, Any], judgement: str) -> list[str]:
    lines = [f"> `{shown['left']} {shown['relation']} {shown['right']}`{judgement}"]
    if shown["tightness"] is not None:
        lines[0] += f" (ratio {shown['tightness']:g})"
    for key in ("degenerate", "note"):
        if shown[key]:
            lines += [">", f"> {shown[key]}"]
    if shown["case"] is not None:
        lines += [">", "> ```text", *(f"> {line}" for line in case_lines(shown["case"])), "> ```"]
    return lines


LONGEST_ROW = 12
MOST_ROWS = 12


def case_lines(case: Mapping[str, Any]) -> list[str]:
    """A case as matrices for a reader; large ones are named by their shape."""
    from theorycheck.networks import Network

    network = Network.from_dict(case["network"])
    lines = [f"network  {network}"]
    for parameter, values in zip(network.parameters, case["parameters"], strict=True):
        lines += _matrix(parameter.name, values[0])
    lines += _matrix("x", case["inputs"][0])
    if case["targets"] is not None:
        lines += _matrix("y", case["targets"][0])
    lines += [f"{name} = {number}" for name, number in case["numbers"].items()]
    return lines


def _matrix(name: str, values: Any) -> list[str]:
    if not isinstance(values, list):
        return [f"{name} = {_short(values)}"]
    rows = values if values and isinstance(values[0], list) else [values]
    if len(rows) > MOST_ROWS or len(rows[0]) > LONGEST_ROW:
        return [f"{name} = ({len(rows)} x {len(rows[0])} matrix, see claims.json)"]
    texts = [[_short(entry) for entry in row] for row in rows]
    widths = [max(len(row[j]) for row in texts) for j in range(len(texts[0]))]
    body = ["  ".join(t.rjust(w) for t, w in zip(row, widths, strict=True)) for row in texts]
    indent = " " * len(f"{name} = ")
    return [(f"{name} = " if i == 0 else indent) + f"[ {line} ]" for i, line in enumerate(body)]


def _short(text: str) -> str:
    from theorycheck.evidence import number_text

    return number_text(Fraction(text), longest=9, digits=4)
