// How a page of attention looks. See attention_page.h.
#pragma once

namespace primer::train {

/// --heat-0 to --heat-2 are the colours of no, a quarter and all of the attention; the script mixes those between.
inline constexpr const char* attention_style = R"css(
:root {
  --paper: #ffffff; --ink: #1c2024; --faint: #6b7280; --line: #d7dce2; --panel: #f6f7f9; --mark: #d9480f;
  --heat-0: #f4f7fb; --heat-1: #5b9bd5; --heat-2: #08306b; --on-heat: #ffffff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --ink: #e6e8eb; --faint: #9aa3ad; --line: #333a42; --panel: #1c2126; --mark: #ffa94d;
    --heat-0: #1b2027; --heat-1: #2f6ea8; --heat-2: #d6ecff; --on-heat: #0b1220;
  }
}
* { box-sizing: border-box; }
html { overflow-y: scroll; }
body {
  margin: 0 auto; padding: 1.5rem 2rem 3rem; max-width: 84rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif;
}
h1 { font-size: 1.35rem; font-weight: 600; margin: 0; overflow-wrap: anywhere; }
h1 span { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-weight: 500; }
h2 { font-size: 1rem; font-weight: 600; margin: 0 0 .6rem; }
p { margin: 0; }
header p, footer, .hint { color: var(--faint); font-size: .87rem; }
header { margin-bottom: 1.4rem; }
footer { margin-top: 1.6rem; }
main { display: grid; grid-template-columns: minmax(17rem, 38fr) 62fr; gap: 2.5rem; align-items: start; }
@media (max-width: 60rem) { main { grid-template-columns: minmax(0, 1fr); } }
section { min-width: 0; }
:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; }

#overview {
  display: grid; gap: 4px; align-items: center; justify-items: center; justify-content: start;
  font-size: .75rem; color: var(--faint);
}
#overview button {
  appearance: none; display: block; width: 100%; max-width: 7rem; aspect-ratio: 1; padding: 0; cursor: pointer;
  border: 1px solid var(--line); border-radius: 3px; background: var(--heat-0); overflow: hidden;
}
#overview button[aria-pressed=true] { border-color: var(--mark); box-shadow: 0 0 0 2px var(--mark); }
#overview canvas { display: block; width: 100%; height: 100%; image-rendering: pixelated; }
.hint { margin-top: .8rem; }

.bar { display: flex; flex-wrap: wrap; gap: .4rem 1.2rem; align-items: baseline; justify-content: space-between; }
fieldset { border: 0; margin: 0 0 .6rem; padding: 0; display: flex; flex-wrap: wrap; gap: 0 1rem; font-size: .9rem; }
label { cursor: pointer; }
input { accent-color: var(--mark); }

#text {
  padding: .6rem .8rem; border: 1px solid var(--line); border-radius: 4px; background: var(--panel); cursor: default;
  font: 16px/1.9 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere;
  max-height: 19rem; overflow: auto;
}
.token { unicode-bidi: isolate; padding: 3px 0; border-radius: 2px; }
.wide .token { padding: 3px 2px; margin-right: 1px; }
.token.on-heat, .token.on-heat i { color: var(--on-heat); }
.token.at { outline: 2px solid var(--mark); outline-offset: -1px; }
.token.other { text-decoration: underline 2px var(--mark); text-underline-offset: 4px; }
.special { font-size: .8em; font-weight: 600; }
.token i, td i { font-style: normal; color: var(--faint); }
#said { min-height: 1.5em; margin: .5rem 0 1rem; font-size: .92rem; overflow-wrap: anywhere; }
#said b { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-weight: 600; unicode-bidi: isolate; }
#pinned { color: var(--mark); }

.pair { display: grid; grid-template-columns: minmax(0, 1fr) 15rem; gap: 1.2rem; align-items: start; }
@media (max-width: 44rem) { .pair { grid-template-columns: minmax(0, 1fr); } }
#map { display: block; width: 100%; cursor: crosshair; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; table-layout: fixed; }
caption { text-align: left; color: var(--faint); padding-bottom: .3rem; }
td { padding: 1px 0; height: 1.6em; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
td:nth-child(1) { width: 2.8rem; color: var(--faint); text-align: right; padding-right: .6rem; }
td:nth-child(2) { width: 4.2rem; font-family: ui-monospace, "DejaVu Sans Mono", monospace; unicode-bidi: isolate; }
td:nth-child(4) { width: 4.2rem; text-align: right; font-variant-numeric: tabular-nums; }
td div { height: .8em; background: var(--heat-1); border-radius: 1px; }

#legend { position: relative; margin-top: 1rem; padding-bottom: 1.4rem; font-size: .75rem; color: var(--faint); }
#legend canvas { display: block; width: 100%; height: 10px; border-radius: 2px; }
#legend span { position: absolute; top: 13px; transform: translateX(-50%); white-space: nowrap; }
#legend span:first-of-type { transform: none; }
#legend span:last-of-type { transform: translateX(-100%); }
)css";

}  // namespace primer::train
