#!/usr/bin/env python3
"""Makes a text of translated lines out of the message catalogues in Debian's packages: English<TAB>another language.

    python3 docs/examples/message_pairs.py de > pairs.tsv
    primer train pairs.tsv --objective translate --tokenizer bpe:4000

The packages are downloaded with `apt-get download` and unpacked in a temporary folder; nothing is installed. Each has
its licence in usr/share/doc. A message is taken when it is one line of 2 to 20 words without markup or placeholders; its
mnemonic mark (_ or ~ before a letter) is left out. Of messages with the same English the first is taken.
"""
import gettext
import glob
import os
import re
import subprocess
import sys
import tempfile

# {} stands for the language; the others carry all languages.
PACKAGES = ["libreoffice-l10n-{}", "gimp-data", "inkscape", "gnucash-common", "evolution-common", "gnumeric-common",
            "nautilus-data", "darktable", "audacity-data", "git", "rhythmbox-data", "anjuta-common",
            "gnome-control-center-data", "geeqie-common", "pidgin-data", "dia-common", "planner-data",
            "hexchat-common", "filezilla-common", "wesnoth-1.16-data", "freeciv-data", "vlc-l10n", "deluge-common"]
UNWANTED = re.compile(r"[%<>{}\\|$=@\n\t\r]|https?:")


def messages(path):
    """The (English, translation) pairs of a .mo file."""
    with open(path, "rb") as file:
        try:
            catalogue = gettext.GNUTranslations(file)._catalog
        except (OSError, UnicodeDecodeError, ValueError):
            return
    for key, value in catalogue.items():
        if isinstance(key, str) and isinstance(value, str) and key:
            yield key.split("\x04")[-1], value


def plain(text):
    text = re.sub(r"\s*\([_&~]\w\)", "", text)  # 文件(_F)
    return " ".join(re.sub(r"[_&~](?=\w)", "", text).split()).removesuffix("...").removesuffix("…")


def wanted(source, target):
    words = len(source.split())
    return (2 <= words <= 20 and len(source) <= 120 and 0 < len(target) <= 160 and source != target
            and not UNWANTED.search(source + target) and sum(c.isalpha() for c in source) > len(source) / 2)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    language, packages = sys.argv[1], sys.argv[2:] or PACKAGES
    short = language.split("_")[0]
    pairs = {}
    with tempfile.TemporaryDirectory() as folder:
        for package in packages:
            name = package.format(language.replace("_", "-").lower())
            got = subprocess.run(["apt-get", "download", name], cwd=folder, capture_output=True, text=True)
            debs = glob.glob(os.path.join(folder, "*.deb"))
            if got.returncode != 0 or not debs:
                print(f"{name}: cannot be downloaded", file=sys.stderr)
                continue
            tree = os.path.join(folder, "tree")
            subprocess.run(["dpkg-deb", "-x", debs[0], tree], check=True)
            before = len(pairs)
            files = glob.glob(os.path.join(tree, "**", "*.mo"), recursive=True)
            for path in sorted(f for f in files if {language, short} & set(f.split(os.sep))):
                for source, target in messages(path):
                    source, target = plain(source), plain(target)
                    if wanted(source, target):
                        pairs.setdefault(source, target)
            print(f"{name}: {len(pairs) - before} lines", file=sys.stderr)
            subprocess.run(["rm", "-rf", tree, *debs], check=True)
    for source, target in pairs.items():
        print(f"{source}\t{target}")


if __name__ == "__main__":
    main()
