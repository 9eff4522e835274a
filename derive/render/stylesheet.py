"""The style of the HTML form: a quiet page, light or dark as the reader's system is."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """
.derivation{--ink:#1d2129;--soft:#5c6573;--line:#e3e6eb;--paper:#fdfdfc;--panel:#f5f6f4;--accent:#2456a6;--tint:#eef3fb;
--string:#3c7a3c;--number:#9a5b13;color:var(--ink);background:var(--paper);max-width:56rem;margin:0 auto;padding:3rem 1.75rem 4rem;
box-sizing:border-box;font:1.06rem/1.6 "Iowan Old Style","Palatino Linotype",Palatino,"Source Serif 4",Georgia,"DejaVu Serif",serif}
@media (prefers-color-scheme:dark){.derivation{--ink:#e4e6ea;--soft:#9aa3b0;--line:#2e333b;--paper:#16191d;--panel:#1e2227;
--accent:#8ab4f8;--tint:#1d2736;--string:#93c98f;--number:#e0b074}
html:has(.derivation){background:#16191d}}
html:has(.derivation){background:#fdfdfc}
@media (prefers-color-scheme:dark){html:has(.derivation){background:#16191d}}
.derivation h1{font-size:1.9rem;line-height:1.25;font-weight:600;margin:0 0 1.4rem;letter-spacing:-.01em}
.derivation h2{font-size:1.22rem;font-weight:600;margin:2.6rem 0 .7rem;padding-top:1.1rem;border-top:1px solid var(--line)}
.derivation p{margin:.6rem 0 1rem;max-width:44rem}
.derivation pre{background:var(--panel);border-radius:8px;padding:1rem 1.15rem;overflow-x:auto;line-height:1.5;margin:1rem 0}
.derivation code{font:.86em/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
.derivation p code,.derivation li code,.derivation dd code,.derivation small code{background:var(--panel);padding:.08em .3em;
border-radius:4px}
.derivation .k{color:var(--accent)}
.derivation .c{color:var(--soft);font-style:italic}
.derivation .s{color:var(--string)}
.derivation .n{color:var(--number)}
.derivation math{font-size:1.08em;
font-family:"Latin Modern Math","STIX Two Math","Cambria Math","Libertinus Math","Noto Sans Math",math}
.derivation .wide{overflow-x:auto;margin:.9rem 0 1.1rem}
.derivation table{border-collapse:collapse;border:0}
.derivation table.chain{width:100%}
.derivation td{padding:.42rem 0;vertical-align:middle;white-space:nowrap;border:0;background:none;text-align:left}
.derivation td.left{text-align:right;padding-left:.2rem;width:1%}
.derivation td.equals{padding:0 .55rem;width:1%;color:var(--soft)}
.derivation td.value{width:1%}
.derivation td.remark{padding-left:2rem;white-space:normal;text-align:left;min-width:9rem;color:var(--soft);line-height:1.35}
.derivation table.chain td.remark{text-align:right}
.derivation .more{padding:.35rem 0 0 2rem}
.derivation .rule{font-size:.88rem;color:var(--accent)}
.derivation small{font-size:.85rem;color:var(--soft)}
.derivation dl.legend{display:grid;grid-template-columns:max-content 1fr;gap:.4rem 1.4rem;margin:.8rem 0;align-items:baseline}
.derivation dt{text-align:right}
.derivation dd{margin:0;color:var(--soft)}
.derivation aside{border-left:3px solid var(--accent);background:var(--tint);border-radius:0 8px 8px 0;padding:.65rem 1.1rem;
margin:.9rem 0;font-size:.95rem}
.derivation aside>div+div{margin-top:.6rem;padding-top:.6rem;border-top:1px solid var(--line)}
.derivation aside b{font-weight:600;margin-right:.35rem}
.derivation .statement{margin:.3rem 0 .1rem;padding-bottom:.25rem;overflow-x:auto;overflow-y:hidden}
.derivation table.answer,.derivation div.answer{background:var(--tint);border-radius:10px}
.derivation table.answer td{padding:1rem 0}
.derivation table.answer td.left{padding-left:1.4rem}
.derivation table.answer td.equals{padding:0 .55rem}
.derivation table.answer td.value{padding-right:1.4rem}
.derivation td.remark:empty{padding:0;min-width:0}
.derivation table.answer td.remark:empty{padding:0;min-width:0}
.derivation div.answer{padding:1rem 1.4rem;width:fit-content;max-width:100%;box-sizing:border-box}
.derivation mtable.cases mtd{text-align:left;padding:.25em .5em}
.derivation ul{padding-left:1.2rem;margin:.5rem 0}
.derivation li{margin:.3rem 0}
@media (max-width:40rem){.derivation{padding:1.6rem 1rem 3rem}
.derivation h1{font-size:1.5rem}
.derivation td.remark{padding-left:1rem;min-width:6rem}}
@media print{.derivation{max-width:none;padding:0}
.derivation h2{break-after:avoid}
.derivation tr{break-inside:avoid}}
"""
