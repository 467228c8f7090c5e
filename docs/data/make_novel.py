#!/usr/bin/env python3
"""Makes novel.txt, Jane Austen's Persuasion, from the Debian package r-cran-janeaustenr.

  docs/data/make_novel.py >docs/data/novel.txt

Needs Debian 12 with the package python3, and package lists (`apt-get update`). r-cran-janeaustenr is fetched into a
temporary folder and not installed; R is not needed. Version 1.0.0-1 gave the novel.txt beside this file.

The package holds the novel as lines of some 70 characters. Here a paragraph is one line, and an empty line parts two.
"""

import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

PACKAGE = "r-cran-janeaustenr"
TITLE = "Persuasion"
ITALICS = "_"  # put around words that the book prints in italics


def fetch_database(folder):
    """The file with the package's objects, as bytes."""
    # apt wants to fetch as a user who may not write here, and warns of it; standard output is for the novel
    subprocess.run(["apt-get", "-o", "APT::Sandbox::User=root", "download", PACKAGE], cwd=folder, stdout=sys.stderr,
                   check=True)
    (archive,) = pathlib.Path(folder).glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", archive, folder], check=True)
    return (pathlib.Path(folder) / "usr/lib/R/site-library/janeaustenr/data/Rdata.rdb").read_bytes()


def objects(database):
    """The objects of R's lazy-load database: each is its length, four bytes big-endian, then a zlib stream."""
    place = 0
    while place < len(database):
        stream = zlib.decompressobj()
        yield stream.decompress(database[place + 4:])
        place = len(database) - len(stream.unused_data)


def lines_of(serialized):
    """The strings of a serialised character vector, in version 3 of R's binary format: R Internals, section 1.8,
    Serialization Formats. All numbers are big-endian."""
    if serialized[:2] != b"X\n":
        raise ValueError("not in R's binary format")
    place = 2

    def number():
        nonlocal place
        place += 4
        return struct.unpack(">i", serialized[place - 4:place])[0]

    def text(length):
        nonlocal place
        place += length
        return serialized[place - length:place].decode("utf-8")

    if number() != 3:
        raise ValueError("not of version 3 of R's format")
    number(), number()  # the version of R that wrote it, and the oldest that reads it
    text(number())      # its encoding
    if number() & 0xFF != 16:  # STRSXP; the bits above are attributes
        raise ValueError("not a vector of strings")
    lines = []
    for _ in range(number()):
        if number() & 0xFF != 9:  # CHARSXP
            raise ValueError("not a string")
        lines.append(text(number()))
    return lines


def paragraphs(lines):
    """Lines up to an empty one are one paragraph."""
    words = []
    for line in [*lines, ""]:
        words += line.split()
        if not line.strip() and words:
            yield " ".join(words)
            words = []


def main():
    with tempfile.TemporaryDirectory() as folder:
        books = [lines_of(serialized) for serialized in objects(fetch_database(folder))]
    (book,) = [lines for lines in books if lines[0] == TITLE]
    novel = "\n\n".join(paragraphs(book)).replace(ITALICS, "")
    sys.stdout.buffer.write(novel.encode("utf-8") + b"\n")


if __name__ == "__main__":
    main()
