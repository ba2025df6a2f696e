"""The page of a report: one HTML file that needs no network and no server, in which prices can be moved.

`data` and `plans` make what the page knows, `document` puts it together with the template, the style and the scripts, and
`vendored` holds the one library of others to its checksum. The scripts in `script/` are ES modules; a browser cannot
import from a file that was e-mailed, so `document` joins them to one.

Items, strategies, formats of numbers, sentences (those of the library, and `words.yaml`) and what seeds say of any two plans
are data. Prices move in the browser, so what follows from them by arithmetic alone is there a second time:

- quantity x price in whole micro-dollars (`money.js`, `reprice.js`: `raydoa.costs.tariffs`, `raydoa.report.reprice`),
- the frontier and the best for at most a budget (`plans.js`: `raydoa.report.pareto`),
- the highest prices at which plans are affordable, and the frontier of those (`break_even.js`: `raydoa.report.break_even`),
- how a number is written, and a template filled (`wording.js`: `raydoa.report.wording`).

`tests/page` moves the sliders in a browser and holds the cells, the sentence, the winners, the frontier with its intervals and
the break-even prices against `raydoa.report`.
"""
