/** The style of an HTML report, for light and dark, screen and paper. */
export const STYLE = `
:root {
  --page: #f6f7f9; --card: #ffffff; --ink: #1c2330; --quiet: #5b6678; --line: #dde2ea; --warn: #b45309; --warn-soft: #fef6e7;
  --s0: #2563c9; --s1: #d9730d; --s2: #2f8f5b; --s3: #8a4fcf; --s4: #b8336a; --s5: #4b7d8c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12151b; --card: #1b2029; --ink: #e7eaf0; --quiet: #9aa5b8; --line: #313947; --warn: #f0b429; --warn-soft: #2a2417;
    --s0: #6ea8fe; --s1: #f2a65a; --s2: #63c794; --s3: #bf94f5; --s4: #ee7fae; --s5: #86bccb;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 20px 48px; }
h1 { margin: 0 0 6px; font-size: 28px; }
h2 { margin: 0 0 4px; font-size: 19px; }
.card h2 { margin: 0 0 8px; font-size: 13px; font-weight: 600; color: var(--quiet); }
p { margin: 0 0 8px; }
small, .quiet, footer { color: var(--quiet); }
small { font-size: 12px; font-weight: 400; }
section, header { margin-bottom: 20px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 18px 20px; }
section.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 12px; background: none; border: 0; padding: 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; }
.big + .big { margin-top: 6px; }
.big span { display: block; margin-left: 17px; line-height: 1.2; }
.big b { font-size: 21px; font-variant-numeric: tabular-nums; }
.big span { color: var(--quiet); font-size: 13px; }
.note.warn { border-color: var(--warn); background: var(--warn-soft); }
.note.warn h2 { color: var(--warn); }
.note ul { margin: 4px 0 10px; padding-left: 20px; }
.note p:last-child { margin-bottom: 0; }
.pair { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr)); gap: 20px; }
figure { margin: 8px 0 0; }
figcaption { font-size: 13px; font-weight: 600; color: var(--quiet); margin-bottom: 4px; }
.legend span { margin-right: 18px; }
.dot { display: inline-block; width: 10px; height: 10px; border-radius: 50%; margin-right: 7px; }
i.s0 { background: var(--s0); } i.s1 { background: var(--s1); } i.s2 { background: var(--s2); }
i.s3 { background: var(--s3); } i.s4 { background: var(--s4); } i.s5 { background: var(--s5); }
svg { display: block; width: 100%; height: auto; }
svg text { font: 13px system-ui, sans-serif; fill: var(--ink); }
svg .tick, svg .axis { fill: var(--quiet); font-size: 12px; }
svg .value { font-weight: 600; font-variant-numeric: tabular-nums; }
svg .grid { stroke: var(--line); stroke-width: 1; fill: none; }
svg .whisker { stroke: var(--ink); stroke-width: 1.5; fill: none; opacity: .75; }
svg .s0 { fill: var(--s0); stroke: var(--s0); } svg .s1 { fill: var(--s1); stroke: var(--s1); } svg .s2 { fill: var(--s2); stroke: var(--s2); }
svg .s3 { fill: var(--s3); stroke: var(--s3); } svg .s4 { fill: var(--s4); stroke: var(--s4); } svg .s5 { fill: var(--s5); stroke: var(--s5); }
svg rect { stroke: none !important; }
svg .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg circle { stroke-width: 2; }
svg .hollow { fill: var(--card); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin-top: 8px; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 10px; text-align: right; border-bottom: 1px solid var(--line); vertical-align: top; white-space: nowrap; }
th:first-child { text-align: left; }
thead th { vertical-align: bottom; }
tbody th { font-weight: 400; }
td small, th[scope=col] small { display: block; }
tr.group th { padding-top: 14px; font-weight: 600; color: var(--quiet); }
footer { font-size: 13px; }
footer p { margin: 0 0 3px; }
@media print { body { background: #fff; } section, .card { break-inside: avoid; } }
`
