"""What a build of conversations says of them: turns and trained tokens by role, golden ids."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flan_tasks.chat.probes import GOLDEN
from flan_tasks.chat.tokenizer import ChatTokenizer
from flan_tasks.core.messages import ASSISTANT, ROLES, read_messages
from flan_tasks.specs.chat_choices import CHAT

# What is counted of conversations.
TURNS, TOKENS, TRAINED = "turns", "tokens", "trained_tokens"
STOPS, CUT, DROPPED, REFUSED = "stop_tokens", "cut_answers", "dropped_turns", "refused"
_COUNTS = (TOKENS, TRAINED, STOPS, CUT, DROPPED)
# Reasons that are printed before the rest is only counted.
_SHOWN = 3
Counts = dict[str, Any]


def no_counts() -> Counts:
    """Returns the counts of no conversation."""
    return {TURNS: dict.fromkeys(ROLES, 0), **dict.fromkeys(_COUNTS, 0), REFUSED: {}}


def add_chat(shards: Iterable[Mapping[str, Any]]) -> dict[str, Counts]:
    """Returns the sums of the counts that shards carry: task -> counts."""
    sums: dict[str, Counts] = {}
    for shard in shards:
        for name, counts in shard.get(CHAT, {}).items():
            _add(sums.setdefault(name, no_counts()), counts)
    return dict(sorted(sums.items()))


def _add(into: Counts, counts: Mapping[str, Any]) -> None:
    for name in _COUNTS:
        into[name] += counts[name]
    for inner in (TURNS, REFUSED):
        for key, count in counts[inner].items():
            into[inner][key] = into[inner].get(key, 0) + count


def chat_facts(tokenizer: ChatTokenizer, tasks: Mapping[str, Counts]) -> dict[str, Any]:
    """Returns what a manifest says of its conversations.

    Args:
      tokenizer: what rendered them.
      tasks: task -> counts.
    """
    total = no_counts()
    for counts in tasks.values():
        _add(total, counts)
    golden = tokenizer.encode(tokenizer.prepared(GOLDEN))
    return {
        "template": tokenizer.name,
        "template_sha256": tokenizer.template_sha256,
        **vars(tokenizer.choices),
        "spans_by": tokenizer.way,
        "stop": {"token": tokenizer.stop, "id": tokenizer.stop_id},
        # Of the same conversation with the same files these ids come out again.
        "golden": {
            "messages": [turn.to_json() for turn in GOLDEN],
            "ids": golden.ids.tolist(),
            "mask": golden.mask.tolist(),
        },
        # Only what an assistant says is trained on.
        "roles": {
            role: {TURNS: count, TRAINED: total[TRAINED] if role == ASSISTANT else 0}
            for role, count in total[TURNS].items()
        },
        **{name: total[name] for name in (*_COUNTS, REFUSED)},
    }


def golden_fault(tokenizer: ChatTokenizer, about: Mapping[str, Any]) -> str:
    """Says where a tokenizer gives other ids than a build was made with; nothing where it does not.

    Args:
      tokenizer: with the choices of the build.
      about: what the manifest says of conversations.
    """
    golden = about["golden"]
    now = tokenizer.encode(tokenizer.prepared(read_messages(golden["messages"])))
    if now.ids.tolist() != golden["ids"]:
        return "the build's golden conversation has other ids"
    if now.mask.tolist() != golden["mask"]:
        return "of the build's golden conversation other tokens are trained"
    if tokenizer.name != about["template"]:
        return "the build's golden conversation has the same ids, and its template was another"
    return ""


def chat_lines(manifest: Mapping[str, Any]) -> list[str]:
    """Returns what a build's page says of its conversations; nothing where rows are none."""
    about = manifest.get(CHAT)
    if not about:
        return []
    roles = ", ".join(
        f"{role} {counts[TURNS]:,} turns with {counts[TRAINED]:,} trained tokens"
        for role, counts in about["roles"].items()
    )
    share = about[TRAINED] / max(about[TOKENS], 1)
    return [
        f"Conversations by the chat template {about['template'][:15]}, {about[TOKENS]:,} tokens, "
        f"of which {about[TRAINED]:,} ({share:.1%}) are trained: {roles}.",
        f"Answers that end with {about['stop']['token']}: {about[STOPS]:,}; cut before it, as they "
        f"are too long: {about[CUT]:,}.",
        *([f"Older turns left out to fit: {about[DROPPED]:,}."] if about[DROPPED] else []),
        *refusals({task["name"]: task[CHAT] for task in manifest["tasks"] if CHAT in task}),
    ]


def refusals(tasks: Mapping[str, Counts]) -> list[str]:
    """Returns a line that says which rows are no conversations the template takes; or none."""
    found = [(count, name, reason) for name, reason, count in _refused(tasks)]
    if not found:
        return []
    found.sort(key=lambda one: -one[0])
    shown = "; ".join(f"{name} {count:,} ({reason})" for count, name, reason in found[:_SHOWN])
    more = f"; and {len(found) - _SHOWN} more reasons" if len(found) > _SHOWN else ""
    rows = sum(count for count, _, _ in found)
    return [f"Rows left out, as the chat template does not take them, {rows:,}: {shown}{more}."]


def _refused(tasks: Mapping[str, Counts]) -> Iterator[tuple[str, str, int]]:
    for name, counts in tasks.items():
        for reason, count in counts[REFUSED].items():
            yield name, reason, count
