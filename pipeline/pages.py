"""Parts of a self-contained HTML page: everything that comes from outside is escaped here, pictures are inlined."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

STYLE = """
:root { --ink: #262626; --soft: #6b6b6b; --line: #dcd8cd; --paper: #ffffff; --tint: #f7f5ef; --blue: #1f5a85;
  --warn: #b34700; }
* { box-sizing: border-box; }
html { background: var(--tint); }
body { margin: 0 auto; max-width: 1120px; padding: 40px 48px 56px; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "DejaVu Sans", Arial, sans-serif; }
header { border-bottom: 2px solid var(--ink); padding-bottom: 18px; margin-bottom: 22px; }
header p { margin: 0; color: var(--soft); }
h1 { font-size: 30px; line-height: 1.2; margin: 4px 0 8px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 38px 0 8px; }
h3 { font-size: 15px; margin: 22px 0 6px; }
p { margin: 6px 0 10px; max-width: 78ch; }
p.note, figcaption small, td small { color: var(--soft); font-size: 13px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 18px 0; }
.card { border: 1px solid var(--line); border-radius: 6px; padding: 10px 14px; }
.card b { display: block; font-size: 22px; line-height: 1.25; font-variant-numeric: tabular-nums; }
.card span { color: var(--soft); font-size: 13px; }
.attend { border-left: 4px solid var(--warn); background: #fdf4ec; margin: 16px 0; padding: 8px 16px; }
.attend ul { margin: 4px 0; padding-left: 18px; }
.maps { display: grid; grid-template-columns: repeat(3, 1fr); gap: 18px 20px; align-items: start; }
.maps.pairs { grid-template-columns: repeat(2, 1fr); }
figure { margin: 0; break-inside: avoid; }
figure img { width: 100%; height: auto; display: block; }
figcaption { margin-top: 4px; font-weight: 600; font-size: 14px; }
figcaption small { display: block; font-weight: 400; }
.key { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 6px 0 12px; font-size: 14px; }
.key i { display: inline-block; width: 14px; height: 14px; border: 1px solid var(--ink); margin-right: 6px;
  vertical-align: -2px; }
.key i.round { border-radius: 50%; background: #fff; }
.key i.missed { border: 2px solid #d55e00; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: 8px 0 14px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 5px 18px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; border-bottom-color: var(--ink); }
td.number, th.number { text-align: right; white-space: nowrap; }
table.facts td:first-child { color: var(--soft); white-space: nowrap; }
table.facts td { overflow-wrap: anywhere; }
code { font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.bar { position: relative; width: 220px; height: 14px; background: var(--tint); border: 1px solid var(--line); }
.bar i { position: absolute; inset: 0 auto 0 0; background: var(--blue); }
.bar b { position: absolute; top: -4px; bottom: -4px; width: 2px; background: var(--warn); }
@media (max-width: 760px) { body { padding: 20px; } .maps { grid-template-columns: 1fr 1fr; } }
@media print { html { background: none; } body { padding: 0; max-width: none; font-size: 12px; }
  h2 { break-after: avoid; } tr, .card, .attend { break-inside: avoid; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; } }
"""


class Html(str):
    """Text that is HTML already; all other text is escaped where it goes into a page."""


def text(value: Any) -> str:
    """HTML as it is, everything else escaped."""
    return value if isinstance(value, Html) else escape(str(value))


def page(title: str, body: Iterable[str]) -> str:
    """A whole page that loads nothing."""
    parts = "\n".join(body)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{parts}\n</body>\n</html>\n"
    )


def section(title: str, *parts: str) -> Html:
    return Html("\n".join(["<section>", f"<h2>{escape(title)}</h2>", *parts, "</section>"]))


def paragraph(*sentences: Any, note: bool = False) -> Html:
    return Html(f"<p{' class=note' * note}>{' '.join(text(sentence) for sentence in sentences)}</p>")


def table(head: Sequence[Any], rows: Iterable[Sequence[Any]], numbers: Iterable[int] = (), kind: str = "") -> Html:
    """A table; columns in ``numbers`` are set to the right. No head, no header row."""
    right = set(numbers)

    def row(cells: Sequence[Any], tag: str) -> str:
        marked = (
            f"<{tag}{' class=number' if column in right else ''}>{text(cell)}</{tag}>"
            for column, cell in enumerate(cells)
        )
        return f"<tr>{''.join(marked)}</tr>"

    lines = [row(head, "th")] if head else []
    lines += [row(cells, "td") for cells in rows]
    return Html(f'<div class="scroll"><table class="{escape(kind)}">\n' + "\n".join(lines) + "\n</table></div>")


def facts(rows: Iterable[tuple[Any, Any]]) -> Html:
    """Names and what they are."""
    return table((), rows, kind="facts")


def cards(entries: Iterable[tuple[Any, Any]]) -> Html:
    """Numbers that are seen first, each with what it is."""
    inner = "".join(f'<div class="card"><b>{text(value)}</b><span>{text(name)}</span></div>' for value, name in entries)
    return Html(f'<div class="cards">{inner}</div>')


def attend(lines: Sequence[Any]) -> Html:
    """What must not be overlooked; nothing where there is nothing."""
    if not lines:
        return Html()
    return Html(f'<div class="attend"><ul>{"".join(f"<li>{text(line)}</li>" for line in lines)}</ul></div>')


def figure(png: bytes, title: str, note: str = "") -> Html:
    """A picture inside the page."""
    data = base64.b64encode(png).decode("ascii")
    small = f"<small>{escape(note)}</small>" if note else ""
    caption = f"<figcaption>{escape(title)}{small}</figcaption>"
    return Html(f'<figure><img alt="{escape(title)}" src="data:image/png;base64,{data}">{caption}</figure>')


def maps(figures: Sequence[Html]) -> Html:
    """Pictures side by side: three in a row, four as two by two."""
    kind = "maps pairs" if len(figures) in (2, 4) else "maps"
    return Html(f'<div class="{kind}">\n' + "\n".join(figures) + "\n</div>")


def bar(share: float, mark: float | None) -> Html:
    """A share of 1 as a bar, with a mark to compare."""
    inner = f'<i style="width:{100 * share:.2f}%"></i>'
    if mark is not None:
        inner += f'<b style="left:{100 * mark:.2f}%"></b>'
    return Html(f'<div class="bar">{inner}</div>')
