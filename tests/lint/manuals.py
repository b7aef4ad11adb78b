#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The manual of recipes names every key that the recipe reader asks for, and no other. (Options: the unit test cli/test_manual.)"""

import re
import sys

# Calls that ask for a key by a literal: recipe_get_str(t, "name", ...), toml_get_table(root, "agent", ...).
GETTER = re.compile(r'\b(?:recipe|toml)_(?:get|need)_\w+\(\s*[^,()"]+,\s*"([^"]+)"')
# read_items(root, "copy", "to", "from", ...), and lists of keys that a loop asks for.
ITEMS = re.compile(r'\bread_items\(\s*\w+,([^;]*?)\)')
LIST = re.compile(r'\bkeys\[\] = \{([^}]*)\}')
# Lines of the page that name keys: ".It Ic path , link", a heading with tables: ".Ss [[copy]], [[text]]".
NAMED = re.compile(r'^\.It Ic (.*)$', re.M)
TABLE = re.compile(r'^\.Ss (\[.*\])$', re.M)


def words(text):
    return re.findall(r"[a-z_]+", text)


def main(page, sources):
    asked, named = {}, set()
    for name in sources:
        with open(name, encoding="utf-8") as f:
            text = f.read()
        for m in GETTER.finditer(text):
            for word in m.group(1).split("."):
                asked.setdefault(word, name)
        for pattern in (ITEMS, LIST):
            for m in pattern.finditer(text):
                for word in re.findall(r'"([a-z_]+)"', m.group(1)):
                    asked.setdefault(word, name)
    with open(page, encoding="utf-8") as f:
        text = f.read()
    for pattern in (NAMED, TABLE):
        for m in pattern.finditer(text):
            named.update(words(m.group(1)))
    bad = [f"{page}: the key '{k}', which {asked[k]} asks for, is missing" for k in sorted(set(asked) - named)]
    bad += [f"{page}: the recipe reader has no key '{k}'" for k in sorted(named - set(asked))]
    if len(asked) < 30:  # the patterns no longer fit the reader
        bad.append(f"only {len(asked)} keys found in {' '.join(sources)}")
    for line in bad:
        print(line, file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
