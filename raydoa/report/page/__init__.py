"""The page of a report: one HTML file that needs no network and no server, in which prices can be moved.

`data` makes what the page knows, `document` puts it together with the template, the style and the scripts, and
`vendored` holds the one library of others to its checksum. The scripts in `script/` are ES modules; a browser cannot
import from a file that was e-mailed, so `document` joins them to one.

The page prices, ranks and words as the library does, in JavaScript: `tests/page` moves its sliders in a browser and
holds every number against `raydoa.report`.
"""
