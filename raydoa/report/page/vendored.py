"""The plotting library inside the page: which one, from where, and its checksum.

uPlot (MIT) was chosen for 51 kB without dependencies, a canvas that redraws thousands of points in milliseconds, and
a file that has no need of a build. It is in the repository as published, so that a report can be made without a
network, and years from now. To take a newer one, `npm pack uplot`, copy the two files of its `dist/` and its LICENSE,
and write the version and the checksums below.
"""

import hashlib
from importlib import resources

VERSION = "1.6.32"
SOURCE = f"https://registry.npmjs.org/uplot/-/uplot-{VERSION}.tgz"
SHA256 = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "uPlot.LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}


def vendored(name: str) -> str:
    """The text of a vendored file, which is the one that was published."""
    content = (resources.files("raydoa.report.page") / "vendor" / name).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert digest == SHA256[name], f"vendor/{name} is not that of uPlot {VERSION}: sha256 {digest}"
    return content.decode("utf-8")
