"""The frame and the style of the report; colours and type are those of a derivation's own page."""

from __future__ import annotations

__all__ = ["FOOT", "HEAD", "REPORT_STYLE"]

HEAD = """<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<title>The softmax classifier: derived, proved, checked, trained</title>
<style>{style}</style>
</head>
<body>
"""

FOOT = "\n</body>\n</html>\n"

REPORT_STYLE = """
body{margin:0}
header.derivation{padding-bottom:0}
header.derivation>h1{font-size:2.2rem}
#derivation .derivation,section.derivation{padding-top:0;padding-bottom:1.5rem}
#derivation .derivation>h1,section.derivation>h1{font-size:1.6rem;margin:3.2rem 0 1rem;
padding-top:1.6rem;border-top:2px solid var(--accent)}
section.derivation:last-child{padding-bottom:5rem}
.derivation a{color:var(--accent);text-decoration:none}
.derivation a:hover{text-decoration:underline}
.derivation .answer .lead{font-style:italic;font-size:1.15em;margin-right:.3em}
header .answer{font-size:1.15em}
.derivation ol.outline{list-style:none;counter-reset:part;padding:0;margin:1.8rem 0 0;border-top:1px solid var(--line)}
.derivation ol.outline li{display:grid;grid-template-columns:16rem 1fr;gap:1rem;padding:.6rem 0;margin:0;
border-bottom:1px solid var(--line)}
.derivation ol.outline span{color:var(--soft)}
.derivation .finding{padding:.9rem 0;border-bottom:1px solid var(--line)}
.derivation .finding:last-of-type{border-bottom:0}
.derivation .claim{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;align-items:baseline;justify-content:space-between}
.derivation .claim p{margin:0;flex:1 1 24rem}
.derivation .claim details,.derivation .claim .note{flex-basis:100%}
.derivation .note{font-size:.85rem;color:var(--soft);margin:.5rem 0 0}
.badge{display:inline-block;white-space:nowrap;border-radius:999px;padding:.08rem .75rem;font:600 .82rem/1.6 system-ui,sans-serif}
.badge.good{color:#17663a;background:#e0f3e7}
.badge.bad{color:#a32020;background:#fbe5e3}
.badge.unsure{color:#7a5a00;background:#fbf1d3}
.derivation details{margin:.2rem 0 .4rem}
.derivation summary{cursor:pointer;color:var(--soft);font-size:.92rem}
.derivation table.sides td{padding:.35rem 0}
.derivation table.sides td.left{padding-right:1.2rem;color:var(--soft);text-align:left;font-size:.92rem}
.derivation .says{border-left:4px solid;border-radius:0 8px 8px 0;padding:.2rem 1.2rem;background:var(--panel)}
.derivation .says p{max-width:none}
.derivation .says pre{padding:0;white-space:pre-wrap}
.derivation pre{white-space:pre-wrap}
.derivation .says pre{font:.86em/1.55 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
.derivation .says.good{border-color:#2f9e5b}
.derivation .says.bad{border-color:#d04a43}
.derivation .says.unsure{border-color:#c99a1d}
.derivation .statement{overflow-y:hidden;padding-bottom:.25rem}
.derivation table.facts{margin:1rem 0}
.derivation table.facts th{text-align:left;font-weight:400;color:var(--soft);padding:.3rem 1.8rem .3rem 0}
.derivation table.facts td{padding:.3rem 0;white-space:normal}
.derivation figure{margin:1.8rem 0}
.derivation img{display:block;max-width:100%;height:auto;background:#fff;border:1px solid var(--line);border-radius:10px;
padding:.6rem;box-sizing:border-box}
.derivation figcaption{color:var(--soft);font-size:.92rem;margin-top:.4rem}
@media (prefers-color-scheme:dark){
.badge.good{color:#8fe0ae;background:#14351f}
.badge.bad{color:#ff9d94;background:#42191a}
.badge.unsure{color:#f1d27a;background:#3a2f0e}}
@media (max-width:40rem){.derivation ol.outline li{grid-template-columns:1fr;gap:.1rem}}
"""
