"""Writes tests/golden/translation/corpora.jsonl: what sacrebleu makes of translations, for tests/train/bleu_test.cpp.

  python3 make_translation_golden.py

Needs sacrebleu 2 and nothing else. One corpus a line: name, hypotheses, references, chrf, and for each tokenizer the
score, its parts, and the words of every hypothesis and every reference, with spaces between them.
"""
import json
import os
import random

import sacrebleu
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.tokenizers.tokenizer_zh import _UCODE_RANGES

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "translation")

ENGLISH = [
    "The old bridge was closed in 1,987 and opened again on 3.5.2004, at 9:30 a.m.",
    "She said: \"It's not worth $1,000.50 -- or is it?\" and left (without her hat).",
    "A well-known state-of-the-art method needs 16-bit numbers, i.e. 2 bytes; see p.12,fig.3.",
    "Don't you think they'd've noticed? Yes, no, maybe...",
    "Prices rose by 7.5% to 12,345,678.90 in 2023-2024; the A4-paper (80g/m2) costs .5 more.",
    "e-mail: someone@example.org, https://example.org/a?b=c&d=e#f_g~h",
    "x < y && y > z || !w; a[3] = {1, 2}; path\\to\\file `code` ^2",
    "The cat sat on the mat, and the dog sat on the log.",
    "Chapter 4.-- In which 5.- and 6,- are points, 7-8 and -9 are not.",
]
GERMAN = [
    "\u201eGr\u00fc\u00dfe aus K\u00f6ln\u201c, schrieb er am 3.10.1990, \u201awie immer\u2018.",
    "Die \u00c4rztin \u00fcbte 1.000,50-mal \u2013 vergeblich \u2013 das Wort \u00bbFu\u00dfg\u00e4nger\u00fcberg\u00e4nge\u00ab.",
    "Stra\u00dfe 12a, 3. Stock; Tel.: 0221/12 34-56. Na ja\u2026",
]
CHINESE = [
    "\u6211\u4eec\u4eca\u5929\u53bb\u6d77\u8fb9\u8d70\u8d70\u5427\uff01\u5929\u6c14\u5f88\u597d\u3002",
    "2024\u5e743\u67085\u65e5\uff0c\u4ed6\u4e70\u4e861,000.5\u516c\u65a4\u5927\u7c73\uff08\u7ea620%\uff09\u3002",
    "\u300aPython 3.11\u300b\u662f\u4e00\u672c\u4e66,\u4ef7\u683c\u662f$39.9-45.",
    "\u4ed6\u8bf4\u201c\u4f60\u597d\u201d\u2014\u2014\u7136\u540e\u2026\u2026\u8d70\u4e86\u3002\uff21\uff22\uff23\u3000\uff11\uff12\uff13",
    "\U00020000\U0002A6D6 \u9fbb\u9fbc \ufa2d\ufa2e \u3105\u31a0\u2e80\u2f00\u2ff0 \u3200\u33ff \u2700",
]
ODD = [
    "", " ", "\t", ".", ",", "-", "...", ". . .", ".5", "5.", "5..5", "a.,b", "1.2.3,4,5", "1-2-3", "a-1-b", "--", "'", "''",
    "&quot;quoted&quot; &amp;amp; &amp;lt;b&amp;gt; &lt;i&gt; & &nbsp; &#39;", "<skipped>a<skipped> b", "trailing blanks   \t ",
    "   leading blanks", "zero\u200bwidth no\u00a0break thin\u2009space ideographic\u3000space line\u2028end", "unit\x1fseparator \x1c.\x85,",
    "\U0001f600\U0001f44d\U0001f3fd, \U0001f1e9\U0001f1ea. \u2764\ufe0f! \u2600", "e\u0301toile \u00e9toile", "\u2001.\u2010-\u2a6d,\u2a6e \u2f81\u2fa1",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440. \u4f60 .\u597d,\u3002.", "soft-\nhyphen and\nline feed-", "cut hyphen-\n", "number and blanks 5. \u3000\n", "{|}~[\\]^_`!\"#$%&()*+:;<=>?@/",
    "Na\u00efve caf\u00e9-owners paid 3,5 \u20ac (\u2248 4.10 US$).", "ends with a point.", "ends with a number 5.", "0.1,", ".9-", "9-.",
]


def changed(line, rng):
    """A translation that is about right: some words are lost, moved, doubled, or cut."""
    words = line.split(" ")
    for _ in range(rng.randrange(4)):
        i = rng.randrange(len(words))
        what = rng.randrange(4)
        if what == 0 and len(words) > 1:
            del words[i]
        elif what == 1:
            words.insert(i, rng.choice(words))
        elif what == 2:
            words[i] = words[i][:-1]
        else:
            words[0], words[i] = words[i], words[0]
    return " ".join(words)


def main_corpora(rng):
    lines = ENGLISH + GERMAN + CHINESE + ODD
    western = [(changed(line, rng), line) for _ in range(4) for line in ENGLISH + GERMAN]
    odd = [(line, line) for line in ODD] + [(changed(line, rng), line) for line in ODD] + [(rng.choice(lines), line) for line in ODD]
    cut = [(line[:rng.randrange(len(line) + 1)], line) for _ in range(6) for line in CHINESE]
    symbols = [chr(s) for s in range(0x20, 0x7f)] + list("..,,--0099  ") * 4 + list("\u4e00\u3002\u00e4\u2014\u00a0\t")
    noise = ["".join(rng.choice(symbols) for _ in range(rng.randrange(40))) for _ in range(60)]
    edges = sorted({ord(c[0]) + d for block in _UCODE_RANGES for c in block for d in (-1, 0, 1)} | set(range(0x80, 0x10000, 251)))
    edges = ["a" + chr(c) + "b." for c in edges if not 0xd800 <= c < 0xe000]
    return {
        "edges of blocks": [(line, line) for line in (" ".join(edges[i:i + 8]) for i in range(0, len(edges), 8))],
        "western": western, "odd": odd, "chinese": cut + western[:5],
        "noise": [(changed(line, rng), line) for line in noise],
        "all": western[::3] + odd[::4] + cut[::2],
    }


def small_corpora():
    return {
        "one line, the same": [("the same line of text", "the same line of text")],
        "one word, the same": [("word", "word")],
        "no two words in a row": [("a b c d e f", "f e d c b a")],
        "no four words in a row": [("a b c x d e f y", "a b c d e f")],
        "three words": [("a b c", "a b c")],
        "no word the same": [("one two three four", "five six seven eight")],
        "no character the same": [("aaa bbb", "xxx yyy")],
        "empty hypothesis": [("", "a reference of five words")],
        "empty reference": [("a hypothesis of words", "")],
        "both empty": [("", "")],
        "one of two empty": [("", "one two three four"), ("five six seven eight nine", "five six seven eight nine ten")],
        "too short": [("the cat sat on", "the cat sat on the mat by the door")],
        "too long": [("the cat sat on the mat by the door", "the cat sat on")],
        "the the the": [("the the the the the the the", "the cat is on the mat")],
        "other case": [("The Cat Sat On The Mat", "the cat sat on the mat")],
    }


def parts(pairs, tokenizer):
    bleu = BLEU(tokenize=tokenizer)
    score = bleu.corpus_score([h for h, _ in pairs], [[r for _, r in pairs]])
    words = [[bleu._preprocess_segment(line) for line in lines] for lines in zip(*pairs)]
    return {"score": score.score, "precisions": score.precisions, "bp": score.bp, "ratio": score.ratio, "length": score.sys_len,
            "reference_length": score.ref_len, "signature": str(bleu.get_signature()), "words": words}


def main():
    rng = random.Random(1)
    os.makedirs(HERE, exist_ok=True)
    with open(os.path.join(HERE, "corpora.jsonl"), "w", encoding="utf-8") as out:
        for name, pairs in {**main_corpora(rng), **small_corpora()}.items():
            hypotheses, references = map(list, zip(*pairs))
            chrf = CHRF()
            corpus = {"name": name, "hypotheses": hypotheses, "references": references,
                      "chrf": chrf.corpus_score(hypotheses, [references]).score, "chrf_signature": str(chrf.get_signature()),
                      "13a": parts(pairs, "13a"), "zh": parts(pairs, "zh")}
            print(json.dumps(corpus, ensure_ascii=False), file=out)
    print("sacrebleu", sacrebleu.__version__)


main()
