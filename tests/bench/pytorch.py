"""Trains the models of `primer bench` with PyTorch on this processor, in float32, to compare the two.

    pip install torch                                # compile also needs g++
    python tests/bench/pytorch.py                    # cases A and B, every mode; --cases C,D,B-dropout for more
    primer bench --json >primer.json                 # on the same machine, in the same hour
    python tests/bench/pytorch.py --check primer.json  # are the models the same size? Exit code 1 if not

A mode is `eager` (PyTorch as most scripts use it) or `compile` (torch.compile), and what tuning it gets:
  +huge   the C library's allocator keeps freed memory and asks for huge pages; it would ask the system anew each step
  +intel  MKL, which computes the matrix products, takes its slower kernels on processors that are not Intel's; a
          preloaded library of one function tells it that this one is. Nothing that PyTorch offers, but its limit.
Each pair of case and mode is a process of its own. It inherits the environment: other allocators and OpenMP settings
can be tried with LD_PRELOAD and OMP_*.
"""
import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn


class Case(NamedTuple):
    layers: int
    heads: int
    channels: int
    context: int
    batch: int
    vocabulary: int
    bias: bool
    gelu: str  # none: with erf
    dropout: float
    warmup: int
    steps: int
    cell: str = ""  # of torch.nn, in place of a transformer
    translates: bool = False  # as many layers of an encoder, which reads as many tokens

    def other_flop(self):
        """What a token takes beside 6 for each number of a matrix: its pattern, only the pairs that are seen; of a
        recurrent layer the first step's gradient goes no further."""
        C, T = self.channels, self.context
        if self.translates and not self.cell:  # the encoder's pattern, the decoder's, and that of source and target
            return 6 * self.layers * C * (2 * T + T + 1 + 2 * T)
        if self.translates:  # both directions begin with 0; the start is made once for a text; scores, and contexts
            return -2 * 2 * 3 * C ** 2 / T - 6 * C ** 2 * (1 - 1 / T) + 6 * C * T + 12 * C * T
        if not self.cell:
            return 6 * self.layers * self.channels * (self.context + 1)
        return -2 * self.layers * {"LSTM": 4, "GRU": 3}[self.cell] * self.channels ** 2 / self.context


CASES = {  # those of bench_cases() in train/bench/bench.cpp
    "A": Case(4, 4, 128, 64, 12, 65, False, "none", 0.0, 20, 200),
    "B": Case(6, 6, 384, 256, 64, 65, False, "none", 0.0, 1, 3),
    "C": Case(12, 12, 768, 256, 4, 50304, True, "tanh", 0.0, 1, 3),
    "D": Case(12, 12, 768, 64, 4, 50304, True, "tanh", 0.0, 2, 7),
    "B-dropout": Case(6, 6, 384, 256, 64, 65, False, "none", 0.2, 1, 3),
    "LSTM": Case(2, 1, 256, 64, 64, 65, True, "", 0.0, 5, 30, "LSTM"),
    "GRU": Case(2, 1, 256, 64, 64, 65, True, "", 0.0, 5, 30, "GRU"),
    "E": Case(3, 8, 512, 64, 16, 8000, True, "tanh", 0.0, 2, 9, "", True),
    "E-GRU": Case(1, 1, 256, 32, 64, 8000, True, "", 0.0, 2, 9, "GRU", True),
}

# Large blocks too come from the heap (no mmap), which grows by 64 MiB or more, and shrinks by 32 GiB, so never.
HUGE = ("glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:"
        f"glibc.malloc.top_pad={1 << 26}:glibc.malloc.trim_threshold={1 << 35}")
MODES = [engine + tuning for engine in ("eager", "compile") for tuning in ("", "+huge", "+huge+intel")]
INTEL = "int mkl_serv_intel_cpu_true(void) { return 1; }"  # replaces MKL's own


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.case = c
        self.norm1 = nn.LayerNorm(c.channels, bias=c.bias)
        self.qkv = nn.Linear(c.channels, 3 * c.channels, bias=c.bias)
        self.output = nn.Linear(c.channels, c.channels, bias=c.bias)
        self.norm2 = nn.LayerNorm(c.channels, bias=c.bias)
        self.up = nn.Linear(c.channels, 4 * c.channels, bias=c.bias)
        self.down = nn.Linear(4 * c.channels, c.channels, bias=c.bias)

    def forward(self, x):  # [B, T, C]
        c = self.case
        q, k, v = (part.unflatten(2, (c.heads, -1)).transpose(1, 2) for part in self.qkv(self.norm1(x)).chunk(3, 2))
        z = F.scaled_dot_product_attention(q, k, v, dropout_p=c.dropout, is_causal=True)  # [B, H, T, C / H]
        x = x + F.dropout(self.output(z.transpose(1, 2).flatten(2)), c.dropout)
        return x + F.dropout(self.down(F.gelu(self.up(self.norm2(x)), approximate=c.gelu)), c.dropout)


class Gpt(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.case = c
        self.token = nn.Embedding(c.vocabulary, c.channels)  # also the head
        self.position = nn.Embedding(c.context, c.channels)
        self.blocks = nn.ModuleList(Block(c) for _ in range(c.layers))
        self.norm = nn.LayerNorm(c.channels, bias=c.bias)
        for name, p in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(p)
            elif p.dim() == 2:
                writes = name.endswith(("output.weight", "down.weight"))
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * c.layers) if writes else 0.02)

    def forward(self, tokens, targets):  # [B, T] -> the mean loss
        x = F.dropout(self.token(tokens) + self.position.weight, self.case.dropout)
        for block in self.blocks:
            x = block(x)
        logits = F.linear(self.norm(x), self.token.weight)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


class Recurrent(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.token = nn.Embedding(c.vocabulary, c.channels)  # also the head
        nn.init.normal_(self.token.weight, std=0.02)
        self.layers = getattr(nn, c.cell)(c.channels, c.channels, c.layers, batch_first=True)

    def forward(self, tokens, targets):  # [B, T] -> the mean loss
        x, _ = self.layers(self.token(tokens))
        return F.cross_entropy(F.linear(x, self.token.weight).flatten(0, 1), targets.flatten())


class Translator(nn.Module):
    """torch.nn.Transformer, with norms before each sublayer. It reads the tokens as a source, too."""

    def __init__(self, c):
        super().__init__()
        self.token = nn.Embedding(c.vocabulary, c.channels)  # of both sides, and the head
        self.positions = nn.ParameterList(nn.Parameter(torch.empty(c.context, c.channels)) for _ in range(2))
        self.body = nn.Transformer(c.channels, c.heads, c.layers, c.layers, 4 * c.channels, c.dropout,
                                   lambda x: F.gelu(x, approximate=c.gelu), batch_first=True, norm_first=True)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.02)
        self.mask = nn.Transformer.generate_square_subsequent_mask(c.context)

    def forward(self, tokens, targets):  # [B, T] -> the mean loss
        source, text = (self.token(tokens) + position for position in self.positions)
        y = self.body(source, text, tgt_mask=self.mask, tgt_is_causal=True)
        return F.cross_entropy(F.linear(y, self.token.weight).flatten(0, 1), targets.flatten())


class Aligner(nn.Module):
    """Bahdanau, Cho & Bengio 2015 with torch.nn.GRU as the encoder, in both directions, and torch.nn.GRUCell."""

    def __init__(self, c):
        super().__init__()
        C = c.channels
        self.token = nn.Embedding(c.vocabulary, C)  # of both sides, and the head
        nn.init.normal_(self.token.weight, std=0.02)
        self.encoder = nn.GRU(C, C, batch_first=True, bidirectional=True)
        self.cell = nn.GRUCell(3 * C, C)
        matrix = lambda inputs, outputs: nn.Linear(inputs, outputs, bias=False)
        self.start, self.query, self.key = matrix(C, C), matrix(C, C), matrix(2 * C, C)
        self.score = nn.Parameter(torch.randn(C) / math.sqrt(3 * C))
        self.of_state, self.of_token, self.of_context = matrix(C, 2 * C), matrix(C, 2 * C), matrix(2 * C, 2 * C)

    def forward(self, tokens, targets):  # [B, T] -> the mean loss
        rows = self.token(tokens)  # [B, T, C]
        h, last = self.encoder(rows)  # [B, S, 2 C]
        s, keys = torch.tanh(self.start(last[1])), self.key(h)
        states, contexts = [], []
        for t in range(tokens.shape[1]):
            weights = (torch.tanh(self.query(s)[:, None] + keys) @ self.score).softmax(1)  # [B, S]
            contexts.append((weights[:, None] @ h)[:, 0])
            s = self.cell(torch.cat([rows[:, t], contexts[-1]], 1), s)
            states.append(s)
        y = self.of_state(torch.stack(states, 1)) + self.of_token(rows) + self.of_context(torch.stack(contexts, 1))
        y = torch.maximum(*y.chunk(2, 2))
        return F.cross_entropy(F.linear(y, self.token.weight).flatten(0, 1), targets.flatten())


def model_of(c):
    if c.translates:
        return Aligner(c) if c.cell else Translator(c)
    return Recurrent(c) if c.cell else Gpt(c)


def sgemm_peak():
    """The most 10^9 operations a second of a product of large matrices, in the sizes that `primer bench` takes."""
    best = 0.0
    for m, n, k in (1024, 1024, 1024), (2048, 2048, 2048), (4096, 3072, 768):
        a, b, c = torch.randn(m, k), torch.randn(k, n), torch.empty(m, n)
        for _ in range(8):
            start = time.perf_counter()
            torch.mm(a, b, out=c)
            best = max(best, 2e-9 * m * n * k / (time.perf_counter() - start))
    return best


def run(c, mode):
    """Trains; what was measured, as a dictionary."""
    torch.manual_seed(1)
    model = model_of(c)
    parameters = list(model.parameters())
    count = sum(p.numel() for p in parameters)
    groups = [{"params": [p for p in parameters if p.dim() > 1], "weight_decay": 0.1},
              {"params": [p for p in parameters if p.dim() == 1], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), fused=True)
    loss_of = torch.compile(model) if mode.startswith("compile") else model
    losses, seconds = [], []
    for _ in range(c.warmup + c.steps):
        text = torch.randint(c.vocabulary, (c.batch, c.context + 1))
        tokens, targets = text[:, :-1].contiguous(), text[:, 1:].contiguous()
        start = time.perf_counter()
        loss = loss_of(tokens, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - start)
    low, median, high = statistics.quantiles(seconds[c.warmup:], n=4, method="inclusive")
    tokens_per_s = c.batch * c.context / median
    positions = sum(p.numel() for name, p in model.named_parameters() if name.startswith("position"))
    multiplied = sum(p.numel() for p in parameters if p.dim() > 1) - positions
    flop = 6 * multiplied + c.other_flop()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"ms": 1e3 * median, "ms_spread": 1e3 * (high - low), "tokens_per_s": tokens_per_s,
            "gflops": 1e-9 * flop * tokens_per_s, "sgemm_peak_gflops": sgemm_peak(), "peak_rss_mb": memory,
            "first_step_s": seconds[0], "parameters": count, "multiplied": multiplied, "first_loss": losses[0]}


def run_in_child(name, mode, threads):
    """What run() gives in a fresh process."""
    command = [sys.executable, os.path.abspath(__file__), "--threads", str(threads), "--run", name, mode]
    environment = dict(os.environ)
    if "+huge" in mode:
        environment["GLIBC_TUNABLES"] = HUGE
    with tempfile.TemporaryDirectory() as folder:
        if "+intel" in mode:
            library = os.path.join(folder, "intel.so")
            compiler = ["g++", "-x", "c", "-shared", "-fPIC", "-o", library, "-"]
            subprocess.run(compiler, input=INTEL, text=True, check=True)
            environment["LD_PRELOAD"] = f"{library} {environment.get('LD_PRELOAD', '')}".strip()
        child = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    if child.returncode != 0:
        sys.exit(f"case {name} failed in mode {mode}")
    return {"name": name, "mode": mode} | json.loads(child.stdout.splitlines()[-1])


def is_same_model(result, primers):
    """Whether a case multiplies by as many numbers as primer's, and begins with the loss of a uniform guess; says so.
    primers: what `primer bench --json` gave of the case, whose operations a token tell that number, as in run()."""
    c = CASES[result["name"]]
    flop = 1e9 * primers["gflops"] / primers["tokens_per_s"]
    count = round((flop - c.other_flop()) / 6)
    uniform = math.log(c.vocabulary)
    print(f"{result['name']}: multiplied by {result['multiplied']} numbers, primer by {count}; "
          f"first loss {result['first_loss']:.3f}, ln V {uniform:.3f}", file=sys.stderr)
    return count == result["multiplied"] and abs(result["first_loss"] - uniform) < 0.05 * uniform


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="A,B", help=f"of {','.join(CASES)}; A,B unless given")
    parser.add_argument("--modes", default=",".join(MODES), help=f"of {','.join(MODES)}; all unless given")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="processor threads")
    parser.add_argument("--check", metavar="FILE", help="what primer bench --json wrote: are the models the same?")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)  # a case and a mode, in this process
    options = parser.parse_args()
    cases, modes = options.cases.split(","), options.modes.split(",")
    for known, names in (CASES, cases), (MODES, modes):
        for name in names:
            if name not in known:
                parser.error(f"no {name}; there are {', '.join(known)}")
    primers = {}
    if options.check:
        with open(options.check, encoding="utf-8") as file:
            primers = {case["name"]: case for case in json.load(file)["cases"]}
        if not primers.keys() >= set(cases):
            parser.error(f"{options.check} has the cases {', '.join(primers)} only")

    torch.set_num_threads(options.threads)
    if options.run:
        name, mode = options.run
        print(json.dumps(run(CASES[name], mode)))
        return 0

    if not options.json:
        print(f"PyTorch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, {options.threads} threads")
        print(f"{'case':12} {'mode':18} {'ms':>10} {'spread':>8} {'tokens/s':>10} {'GFLOP/s':>8} {'sgemm':>6} "
              f"{'MB':>6}", flush=True)
    results = []
    for name in cases:
        for mode in modes:
            r = run_in_child(name, mode, options.threads)
            results.append(r)
            if not options.json:
                print(f"{name:12} {mode:18} {r['ms']:10.2f} {r['ms_spread']:8.2f} {r['tokens_per_s']:10.0f} "
                      f"{r['gflops']:8.0f} {r['sgemm_peak_gflops']:6.0f} {r['peak_rss_mb']:6.0f}", flush=True)
    if options.json:
        print(json.dumps({"torch": torch.__version__, "threads": options.threads, "cases": results}, indent=1))
    return 0 if all([is_same_model(r, primers[r["name"]]) for r in results if primers]) else 1


if __name__ == "__main__":
    sys.exit(main())
