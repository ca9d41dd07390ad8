#!/usr/bin/env python3
"""Makes arimo-regular.ttf and arimo-bold.ttf: the glyphs that figures need, without hints and layout tables.

Input: Arimo-Regular.ttf and Arimo-Bold.ttf of the Chrome OS core fonts (Debian package fonts-croscore 20201225-1).
Needs fontTools (made with 4.68.0).  Usage: subset.py FOLDER_WITH_ARIMO
"""

import pathlib
import sys

from fontTools import subset

# Latin with accents, Greek, dashes and quotes, super- and subscript digits, arrows, minus and comparison signs.
RANGES = [(0x20, 0x7E), (0xA0, 0x17F), (0x391, 0x3C9), (0x2010, 0x2026), (0x2070, 0x2089), (0x2190, 0x2193)]
SINGLES = [0x2030, 0x2032, 0x2212, 0x221E, 0x2248, 0x2264, 0x2265, 0x2206, 0x2022]


def main() -> None:
    source = pathlib.Path(sys.argv[1])
    target = pathlib.Path(__file__).parent
    unicodes = [code for first, last in RANGES for code in range(first, last + 1)] + SINGLES
    for style in ("Regular", "Bold"):
        options = subset.Options(
            hinting=False, layout_features=[], name_IDs=[0, 1, 2, 13, 14], notdef_outline=True, recalc_timestamp=False
        )
        font = subset.load_font(str(source / f"Arimo-{style}.ttf"), options)
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=unicodes)
        subsetter.subset(font)
        for tag in ("kern", "GPOS", "GSUB", "GDEF", "DSIG", "gasp"):
            if tag in font:
                del font[tag]
        subset.save_font(font, str(target / f"arimo-{style.lower()}.ttf"), options)


if __name__ == "__main__":
    main()
