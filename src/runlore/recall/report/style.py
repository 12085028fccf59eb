"""Style: how a report looks, on a wide screen, a phone and paper, light or dark as the reader's system is."""

from __future__ import annotations

#: States as text: contrast of 4.5 and more to the ground they stand on (WCAG 2.2, 1.4.3).
STYLE = """
:root{color-scheme:light dark;--text:#1c2127;--soft:#56616c;--line:#dde2e7;--back:#fff;--band:#f5f7f9;--link:#0b57b8;
--runlore-completed:#1b7a49;--runlore-failed:#c22f2f;--runlore-cached:#1d66b5;--runlore-running:#925800;
--runlore-pending:#5c6873;--runlore-skipped:#5c6873;--runlore-cancelled:#87477d;--runlore-interrupted:#87477d}
@media (prefers-color-scheme:dark){:root{--text:#e2e6ea;--soft:#9ca7b2;--line:#2e363f;--back:#12161b;--band:#1a2027;
--link:#8ab6f5;--runlore-completed:#52c48c;--runlore-failed:#f77f78;--runlore-cached:#73b2f7;--runlore-running:#dfa445;
--runlore-pending:#9ca7b2;--runlore-skipped:#9ca7b2;--runlore-cancelled:#cf9fc8;--runlore-interrupted:#cf9fc8}}
*{box-sizing:border-box}
html{scroll-padding-top:1em}
body{margin:0;background:var(--back);color:var(--text);
font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
-webkit-text-size-adjust:100%}
main{max-width:66rem;margin:0 auto;padding:2.6rem 1.6rem 4rem}
header h1{font-size:1.75rem;line-height:1.25;margin:0 0 .35rem;font-weight:650;overflow-wrap:anywhere}
header p{margin:.2rem 0;color:var(--soft);overflow-wrap:anywhere}
header .state{color:var(--text);font-size:1.05rem}
nav{margin:1.3rem 0 0;display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;font-size:.93rem}
a{color:var(--link);text-decoration:none}a:hover,a:focus-visible{text-decoration:underline}
section{margin:2.6rem 0 0}
h2{font-size:1.08rem;font-weight:650;margin:0 0 .8rem;padding-bottom:.35rem;border-bottom:1px solid var(--line)}
h3{font-size:.98rem;font-weight:600;margin:1.2rem 0 .45rem;overflow-wrap:anywhere}
.soft,caption{color:var(--soft)}.small{font-size:.88rem}
p{margin:.5rem 0;overflow-wrap:anywhere}
.wide{overflow-x:auto;max-width:100%}.wide td{white-space:nowrap}.wide td.w{white-space:normal}
table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;vertical-align:top;padding:.3rem 1.1rem .3rem 0;border-bottom:1px solid var(--line);
font-weight:400}
thead th,tbody th{color:var(--soft)}tbody tr:last-child>*{border-bottom:0}
td{overflow-wrap:anywhere}td.n,th.n{text-align:right}td.w{min-width:14em}
.facts th{white-space:nowrap}
code,.mono{font:.88em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
pre{margin:.5rem 0;padding:.8rem 1rem;background:var(--band);border-radius:6px;overflow:auto;max-height:34rem;
font:12.5px/1.55 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;tab-size:4}
pre.log,figure pre{white-space:pre-wrap;overflow-wrap:anywhere}
pre .t{color:var(--soft);user-select:none}pre .e{color:var(--runlore-failed)}
details{margin:.2rem 0}summary{cursor:pointer;padding:.22rem 0;overflow-wrap:anywhere}
summary:hover{color:var(--link)}
.steps>details{border-bottom:1px solid var(--line);margin:0}.steps>details>summary{padding:.5rem 0}
.steps>details>div{padding:0 0 1rem 1.1rem}
.steps summary .beside{color:var(--soft);margin-left:.9em;font-size:.92rem}
.failure{border-left:3px solid var(--runlore-failed);padding-left:1rem}.failure p{overflow-wrap:anywhere}
.runlore-graph{border:1px solid var(--line);border-radius:8px;padding:1rem}.runlore-graph svg{margin:0 auto}
.runlore-graph a{color:inherit}
.runlore-graph a:hover rect,.runlore-graph a:focus-visible rect{stroke-opacity:1;stroke-width:2}
.time{display:grid;grid-template-columns:minmax(6em,24%) 1fr;gap:.3rem .9rem;align-items:center;font-size:.86rem}
.time .name{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}.time a{color:inherit}
.time .lane{position:relative;height:1.05rem;background:var(--band);border-radius:3px}
.time .bar{position:absolute;top:0;bottom:0;min-width:2px;border-radius:3px;opacity:.88}
.time svg{position:absolute;inset:0;width:100%;height:100%}
.time .axis{display:flex;justify-content:space-between;color:var(--soft);font-size:.8rem}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,21rem),1fr));gap:1.1rem;
align-items:start}
.card{border:1px solid var(--line);border-radius:8px;padding:.9rem 1.05rem;min-width:0;overflow:hidden}
.cards+.wide{margin-top:1.3rem}.tiny img{width:8rem;image-rendering:pixelated}
.card h3{margin:0 0 .3rem}.card p{margin:.15rem 0}
.card .facts{margin:.4rem 0;font-size:.86rem}.card .facts th,.card .facts td{border:0;padding:.06rem .9rem .06rem 0}
figure{margin:.7rem 0 0}figcaption{color:var(--soft);font-size:.85rem}
img{max-width:100%;height:auto;background:#fff;border-radius:4px}
iframe{width:100%;height:14em;resize:vertical;border:1px solid var(--line);border-radius:4px;
background:#fff;color-scheme:light}
.runlore-wide{overflow:auto;max-width:100%}.runlore-note{color:var(--soft);font-size:.9rem}
.note blockquote{margin:.6rem 0;padding-left:1em;border-left:3px solid var(--line);color:var(--soft)}
.note h3,.note h4,.note h5,.note h6{font-size:1rem;border:0;padding:0;margin:1rem 0 .3rem}
.note code{background:var(--band);padding:.1em .3em;border-radius:3px}
.facts+.wide{margin-top:.8rem}.columns h3{margin-top:0}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:0 2.5rem}
.packages{columns:13rem;column-gap:1.6rem;font-size:.86rem}.packages div{break-inside:avoid}
footer{margin:3.4rem 0 0;padding-top:.8rem;border-top:1px solid var(--line);color:var(--soft);font-size:.85rem}
@media (max-width:34rem){main{padding:1.4rem 1rem 3rem}header h1{font-size:1.4rem}section{margin-top:2rem}
.time{grid-template-columns:minmax(5em,32%) 1fr}th,td{padding-right:.8rem}.steps>details>div{padding-left:.4rem}
.steps summary .beside{margin-left:.6em}.runlore-graph{padding:.6rem}}
@media print{main{max-width:none;padding:0}nav{display:none}body{font-size:10.5pt}
pre,.runlore-graph,.wide{max-height:none!important;overflow:visible!important}section,.card{break-inside:avoid-page}
svg{max-width:100%;height:auto}
.bar,.lane,rect,circle{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""
