#!/usr/bin/env python3
"""Measures what primer chooses when nobody chooses: bits a byte of the defaults, beside other choices at equal time.

    tests/bench/defaults.py texts FOLDER            makes eight texts of 5 kB to 5 MB, three of them Chinese or Japanese
    tests/bench/defaults.py measure FOLDER          the defaults beside --tokenizer char, byte and bpe:1000, one seed
    tests/bench/defaults.py measure FOLDER --texts zh-41k,story --seeds 3 --choice "" --choice "--tokenizer bpe:2000"

Each training takes --minutes (1) on all processors, so eight texts with four choices take half an hour on a quiet
machine. It reports the best step's loss on the last tenth of the text in bits a byte, which does not depend on the
tokenizer, and that step's share of the training. The foreign texts are Debian's manual pages in translation: the
packages manpages-zh, manpages-ja and manpages-de, downloaded with `apt-get download`; nothing is installed.
"""
import argparse
import glob
import gzip
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DATA = os.path.join(ROOT, "docs", "data")
PAGES = [("zh-41k", "zh", 41_000), ("zh-600k", "zh", 600_000), ("ja-150k", "ja", 150_000), ("de-1500k", "de", 1_500_000),
         ("de-5M", "de", 5_000_000)]
CHOICES = ["", "--tokenizer char", "--tokenizer byte", "--tokenizer bpe:1000"]


def plain(roff):
    """The text of a manual page's source: no requests, no comments, no fonts."""
    lines = [line for line in roff.split("\n") if not line.startswith((".", "'"))]
    text = re.sub(r"\\f(\[\w*\]|\(..|.)|\\&|\\s[+-]?\d|\\/|\\,|\\c", "", "\n".join(lines))
    text = re.sub(r"\\\(co", "(c)", re.sub(r"\\\((aq|cq|oq)", "'", re.sub(r"\\\((dq|lq|rq)", '"', text)))
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"\\e", r"\\", re.sub(r"\\([- ~|^])", r"\1", text)))


def pages(language, most):
    """So many bytes of a language's manual pages, in the order of their names: whole lines."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["apt-get", "download", "manpages-" + language], cwd=folder, check=True, capture_output=True)
        subprocess.run(["dpkg-deb", "-x", glob.glob(os.path.join(folder, "*.deb"))[0], folder], check=True)
        text = ""
        for path in sorted(glob.glob(os.path.join(folder, "usr/share/man/*/man*/*.gz"))):
            if os.path.islink(path) or len(text.encode()) > most:
                continue
            text += plain(gzip.open(path, "rt", encoding="utf-8", errors="replace").read())
    return text.encode()[:most].decode(errors="ignore").rsplit("\n", 1)[0] + "\n"


def make_texts(folder):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(DATA, "story.txt"), encoding="utf-8") as file:
        story = file.read()
    with open(os.path.join(DATA, "novel.txt"), encoding="utf-8") as file:
        novel = file.read()
    texts = {"story-5k": story[:5000], "story": story, "novel": novel}
    texts.update({name: pages(language, most) for name, language, most in PAGES})
    for name, text in sorted(texts.items(), key=lambda item: len(item[1].encode())):
        with open(os.path.join(folder, name + ".txt"), "w", encoding="utf-8") as file:
            file.write(text)
        print(f"{name:10} {len(text.encode()):8} bytes, {len(text):8} characters, {len(set(text)):5} of them distinct")


def train(primer, text, choice, seed, length):
    """The best evaluation of a training: bits a byte, its step, all steps, and seconds."""
    with tempfile.TemporaryDirectory() as folder:
        run = os.path.join(folder, "run")
        command = [primer, "train", text, "-o", run, "-q", "--split", "tail", "--seed", str(seed),
                   *shlex.split(choice), *length]
        done = subprocess.run(command, capture_output=True)
        if done.returncode != 0:
            return {"error": done.stderr.decode(errors="replace").strip()}
        lines = [json.loads(line) for line in open(os.path.join(run, "metrics.jsonl"))]
        seconds = [json.loads(line) for line in open(os.path.join(run, "timing.jsonl"))]
    scored = [line for line in lines if line.get("val_bits_per_byte") is not None]
    best = min(scored, key=lambda line: line["val_bits_per_byte"])
    return {"bits": best["val_bits_per_byte"], "step": best["step"], "steps": lines[-1]["step"],
            "seconds": seconds[-1]["time"]}


def measure(options):
    names = options.texts.split(",") if options.texts else sorted(
        (os.path.splitext(name)[0] for name in os.listdir(options.folder) if name.endswith(".txt")),
        key=lambda name: os.path.getsize(os.path.join(options.folder, name + ".txt")))
    length = ["--minutes", str(options.minutes)] if options.minutes > 0 else []
    print("| text | choice | bits a byte | best step | of | seconds |\n|---|---|---|---|---|---|", flush=True)
    for name in names:
        for choice in options.choice or CHOICES:
            for seed in range(1, options.seeds + 1):
                found = train(options.primer, os.path.join(options.folder, name + ".txt"), choice, seed, length)
                told = found.get("error") or (f"{found['bits']:.4f} | {found['step']} | {found['steps']} "
                                              f"| {found['seconds']:.1f}")
                print(f"| {name} | {choice or 'default'} | {told} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    texts = commands.add_parser("texts")
    texts.add_argument("folder")
    trials = commands.add_parser("measure")
    trials.add_argument("folder")
    trials.add_argument("--primer", default=os.path.join(ROOT, "build", "primer"))
    trials.add_argument("--texts", help="some of them by name, a comma between")
    trials.add_argument("--choice", action="append", help="options of primer train to compare; may be given again")
    trials.add_argument("--seeds", type=int, default=1)
    trials.add_argument("--minutes", type=float, default=1, help="of each training; 0: as long as the choice says")
    options = parser.parse_args()
    make_texts(options.folder) if options.command == "texts" else measure(options)


if __name__ == "__main__":
    sys.exit(main())
