"""The tables of the report: accounts, configuration, models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from videoengine.apps.report.html import length, section, table, text
from videoengine.apps.wording import plain
from videoengine.cards import ModelCard
from videoengine.case import Manifest
from videoengine.errors import VideoEngineError
from videoengine.presets import make_stages, parse_preset
from videoengine.stages import StageContext
from videoengine.timeline import Timeline

SETTINGS: Final = {
    "until_ns": "Analyzed until",
    "version": "videoengine",
    "budget_ms": "Oldest sample in milliseconds",
    "as_live": "Replayed at its own pace",
}
YES: Final = '<span class="good">✓ balances</span>'
NO: Final = '<span class="bad">✗ does not balance</span>'


def balanced(timeline: Timeline) -> bool:
    """Tell whether every ledger of the run adds up."""
    ledger = timeline.run.get("ledger") or {}
    return all(row["captured"] == row["served"] + sum(row["dropped"].values()) for row in
               ledger.values())  # fmt: skip


def accounts(timeline: Timeline) -> str:
    """Return what became of every packet and every sample."""
    packets = [
        [text(stream), f"{row['demuxed']:,}", f"{row['decoded']:,}", _causes(row["skipped"])]
        for stream, row in (timeline.run.get("packets") or {}).items()
    ]
    edges: list[list[str]] = []
    for edge, row in (timeline.run.get("ledger") or {}).items():
        whole = row["captured"] == row["served"] + sum(row["dropped"].values())
        cells = [text(edge), f"{row['captured']:,}", f"{row['served']:,}"]
        edges.append([*cells, _causes(row["dropped"]), YES if whole else NO])
    body = table(
        ("Stream", "Packets read", "Frames decoded", "Skipped"), packets, label="Packets"
    ) + table(
        ("Stage", "Samples taken", "Analyzed", "Dropped", "Taken = analyzed + dropped"),
        edges,
        label="Ledger of every stage",
    )
    lead = "What was read from the source, and what became of each sample handed to a stage."
    return section("accounts", "Accounts", body, lead)


def _causes(counts: dict[str, int]) -> str:
    parts = [f"{count:,} {text(cause.replace('_', ' '))}" for cause, count in counts.items()]
    return ", ".join(part for part in parts if not part.startswith("0 ")) or "none"


def configuration(manifest: Manifest, timeline: Timeline) -> str:
    """Return the resolved configuration the run was made with."""
    config = manifest.config
    rows = [
        [text(SETTINGS.get(key, plain(key))), f"<code>{text(_value(key, value))}</code>"]
        for key, value in config.items()
        if key != "stages"
    ]
    rows += [["Case", f"<code>{text(manifest.case_id)}</code>"]]
    rows += [["Run", f"<code>{text(manifest.run_id)}</code>"]]
    stages = [
        [text(name), f"<code>{text(_options(row))}</code>", f"<code>{_short(row)}</code>"]
        for name, row in timeline.run.get("stages", {}).items()
    ]
    body = table(("Setting", "Value"), rows, label="Configuration", style="pairs")
    body += table(("Stage", "Options", "Configuration hash"), stages, label="Stages")
    return section("configuration", "Configuration", body)


def _value(key: str, value: Any) -> str:
    if key == "procedure_from" and isinstance(value, dict):
        samples = value.get("samples")
        return str(value.get("by")) + ("" if samples is None else f", {samples} samples")
    if value is None:
        return "the end" if key == "until_ns" else "not given"
    return length(value) if key == "until_ns" and isinstance(value, int) else str(value)


def _options(row: dict[str, Any]) -> str:
    hidden = (
        "name",
        "card",
        "about",
        "model_hash",
        "config_hash",
        "options",
        "modality",
        "procedure",
    )
    pairs = {key: value for key, value in row.items() if key not in hidden}
    options = row.get("options")
    if isinstance(options, dict):
        pairs |= options
    return ", ".join(f"{key} {value}" for key, value in pairs.items())


def _short(row: dict[str, Any]) -> str:
    return text(str(row.get("config_hash", ""))[:12])


def models(manifest: Manifest, timeline: Timeline) -> str:
    """Return the cards of the models that spoke, and what each was trained on."""
    stages = timeline.run.get("stages", {})
    cards = {} if all("about" in row for row in stages.values()) else _cards(manifest)
    rows: list[list[str]] = []
    for name, row in stages.items():
        about = row.get("about")
        if about:
            rows.append(_spoke(name, row, about))
            continue
        card = cards.get(name)
        model_hash = str(row.get("model_hash", ""))
        code = f"<code>{text(model_hash[:12])}</code>"
        if card is None or card.model_hash != model_hash:
            says = "its card is not installed here"
            rows.append([text(name), text(row.get("card", "unknown")), says, says, "", code])
            continue
        covered = ", ".join(card.procedures) or "any procedure"
        label = f"{text(card.id)}<br><small>{text(card.licence)}</small>"
        trained, calibration = text(card.trained_on), text(card.calibration)
        rows.append([text(name), label, trained, text(covered), calibration, code])
    head = ("Stage", "Model", "Trained on", "Covers", "Calibration", "Hash")
    return section("models", "Models", table(head, rows, label="Models that spoke"))


def _spoke(name: str, row: dict[str, Any], about: dict[str, Any]) -> list[str]:
    """Return a row of the table from what the log itself says about the model."""
    label = f"{text(row.get('card', 'unknown'))}<br><small>{text(about['licence'])}</small>"
    covered = ", ".join(about["procedures"]) or "any procedure"
    trained, calibration = text(about["trained_on"]), text(about["calibration"])
    code = f"<code>{text(str(row.get('model_hash', ''))[:12])}</code>"
    return [text(name), label, trained, text(covered), calibration, code]


def _cards(manifest: Manifest) -> dict[str, ModelCard]:
    """Return the installed cards of the run's stages; none where the stages cannot be made."""
    config = manifest.config
    try:
        preset = parse_preset(str(config["preset"]), {"stages": config["stages"]})
        context = StageContext(str(config["modality"]), config["procedure"])
        return {stage.spec.name: stage.spec.card for stage in make_stages(preset, context)}
    except (VideoEngineError, KeyError, TypeError):
        return {}


def troubles(timeline: Timeline) -> str:
    """Return errors and refusals with their remedies."""
    rows = list(_troubles(timeline))
    if not rows:
        return section("troubles", "Errors and refusals", "<p>None.</p>")
    head = ("What", "Why", "What to do", "Stage")
    body = table(head, rows, label="Errors and refusals")
    return section("troubles", "Errors and refusals", body)


def _troubles(timeline: Timeline) -> Iterator[list[str]]:
    for mark in timeline.marks:
        if mark.kind not in ("error", "refusal"):
            continue
        payload = mark.payload
        what = f"{text(plain(mark.kind))}: {text(payload.get('what', ''))}"
        why, remedy = text(payload.get("why", "")), text(payload.get("remedy", ""))
        yield [what, why, remedy, text(mark.stage)]
