"""Writes the golden files beside this script: what PyTorch computes for small models and single functions, in double.

Run without arguments; needs PyTorch 1.13 and nothing else. The files are the same bytes on every run with one version
of PyTorch on one machine; elsewhere the last digits may differ.
"""
import json
import math
import os
import struct

import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))


# ---- safetensors: 8 bytes of header length, a JSON header, the arrays in the order of their names ------------------
def save(name, tensors, metadata):
    kinds = {torch.float64: "F64", torch.float32: "F32", torch.int64: "I64"}
    header = {"__metadata__": {"format": "pt", "torch": torch.__version__, **metadata}}
    offset = 0
    blocks = []
    for key in sorted(tensors):
        tensor = tensors[key].detach().contiguous()
        letter = {"F64": "d", "F32": "f", "I64": "q"}[kinds[tensor.dtype]]
        block = struct.pack("<%d%s" % (tensor.numel(), letter), *tensor.reshape(-1).tolist())
        header[key] = {"dtype": kinds[tensor.dtype], "shape": list(tensor.shape),
                       "data_offsets": [offset, offset + len(block)]}
        offset += len(block)
        blocks.append(block)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(HERE, name + ".safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blocks))


# ---- the model: weights are (out, in), y = x W^T + b ---------------------------------------------------------------
class Config:
    def __init__(self, **changed):
        self.vocabulary, self.context, self.layers, self.heads, self.channels = 19, 8, 2, 4, 16  # V, T, L, H, C
        self.ffn_channels = 0  # 0: 4 C, negative: no feed-forward
        self.bias, self.tie, self.causal = True, True, True
        self.norm, self.position, self.activation = "pre", "learned", "gelu"
        self.norm_kind = "layer"
        self.sequences = 3  # B
        self.lengths = False  # sequences shorter than T
        self.segments, self.embedding_norm, self.norm_epsilon = 0, False, 1e-5  # these and what follows: BERT
        self.masked_head, self.pooling, self.labels = False, "none", 0
        self.__dict__.update(changed)

    def hidden(self):  # F
        wide = 32 * math.ceil(8 * self.channels / 96) if self.activation == "swiglu" else 4 * self.channels
        return wide if self.ffn_channels == 0 else self.ffn_channels

    def metadata(self):
        fields = ("vocabulary context layers heads channels ffn_channels bias tie causal norm position activation")
        if self.is_bert():
            fields += " segments embedding_norm norm_epsilon masked_head pooling labels"
        if self.norm_kind != "layer":
            fields += " norm_kind norm_epsilon"
        return {field: str(getattr(self, field)).lower() for field in fields.split()}

    def is_bert(self):
        return self.masked_head or self.labels > 0

    def forward(self, parameters, tokens, lengths):
        return forward(self, parameters, tokens, lengths)


def initial_parameters(config):
    """Random values that are large enough for every term to matter: path -> tensor."""
    C, hidden = config.channels, config.hidden()
    shapes = {"token.weight": (config.vocabulary, C)}

    def linear(path, rows, columns, bias=config.bias):
        shapes[path + ".weight"] = (rows, columns)
        if bias:
            shapes[path + ".bias"] = (rows,)

    def norm(path, bias=config.bias and config.norm_kind == "layer"):
        shapes[path + ".weight"] = (C,)
        if bias:
            shapes[path + ".bias"] = (C,)

    if config.position == "learned":
        shapes["position.weight"] = (config.context, C)
    if config.segments > 0:
        shapes["segment.weight"] = (config.segments, C)
    if config.embedding_norm:
        norm("embedding_norm")
    for i in range(config.layers):
        block = "blocks.%d." % i
        if config.norm != "none":
            norm(block + "attention_norm")
        linear(block + "attention.qkv", 3 * C, C)
        linear(block + "attention.output", C, C)
        if hidden > 0:
            if config.norm != "none":
                norm(block + "feed_forward_norm")
            linear(block + "feed_forward.up", hidden, C)
            if config.activation == "swiglu":
                linear(block + "feed_forward.gate", hidden, C)
            linear(block + "feed_forward.down", C, hidden)
    if config.norm == "pre":
        norm("norm")
    if config.masked_head:
        linear("masked.transform", C, C, True)
        norm("masked.norm", True)
        shapes["masked.decoder.bias"] = (config.vocabulary,)
    if config.pooling == "cls":
        linear("pooler", C, C, True)
    if config.labels > 0:
        linear("label", config.labels, C, True)
    if not config.tie and not config.is_bert():
        shapes["head.weight"] = (config.vocabulary, C)
    parameters = {}
    for path, shape in shapes.items():
        value = 0.2 * torch.randn(shape)
        if path.endswith("norm.weight"):
            value = value + 1
        parameters[path] = value.requires_grad_()
    return parameters


def sinusoids(context, channels):
    """PE(t, 2i) = sin(t / 10000^(2i/C)), PE(t, 2i+1) = cos of the same.  [T, C]"""
    table = torch.zeros(context, channels)
    for t in range(context):
        for c in range(channels):
            angle = t / 10000.0 ** ((c - c % 2) / channels)
            table[t, c] = math.cos(angle) if c % 2 else math.sin(angle)
    return table


def activate(name, x):
    if name in ("relu2", "swiglu"):
        return F.relu(x) ** 2 if name == "relu2" else F.silu(x)
    return F.relu(x) if name == "relu" else F.gelu(x, approximate="tanh" if name == "gelu" else "none")


def attend(q, k, v, heads, allowed):
    """softmax(q k^T / sqrt(head size)) v for each head. q, k, v [B, T, C], allowed [B, 1, T, T] of bool -> [B, T, C]"""
    B, T, C = q.shape
    q, k, v = (x.view(B, T, heads, C // heads).transpose(1, 2) for x in (q, k, v))  # [B, H, T, C/H]
    scores = q @ k.transpose(2, 3) / math.sqrt(C // heads)  # [B, H, T, T]
    pattern = scores.masked_fill(~allowed, -math.inf).softmax(-1)
    return (pattern @ v).transpose(1, 2).reshape(B, T, C)


def linear_at(parameters, path, x):
    return F.linear(x, parameters[path + ".weight"], parameters.get(path + ".bias"))


def norm_at(config, parameters, path, x):
    weight, bias = parameters[path + ".weight"], parameters.get(path + ".bias")
    if config.norm_kind == "rms":
        return F.rms_norm(x, (config.channels,), weight, config.norm_epsilon)
    return F.layer_norm(x, (config.channels,), weight, bias, config.norm_epsilon)


def hidden_of(config, parameters, tokens, lengths, segments=None):
    """tokens [B, T], lengths [B], segments [B, T] -> what the blocks make of them [B, T, C]"""
    T, C = tokens.shape[1], config.channels

    def linear(path, x):
        return linear_at(parameters, path, x)

    def norm(path, x):
        return norm_at(config, parameters, path, x)

    allowed = (torch.arange(T) < lengths[:, None])[:, None, None, :].expand(-1, 1, T, T)  # [B, 1, T, T]
    if config.causal:
        allowed = allowed & torch.ones(T, T).tril().bool()

    def attention(block, x):
        q, k, v = linear(block + "attention.qkv", x).split(C, dim=2)
        return linear(block + "attention.output", attend(q, k, v, config.heads, allowed))

    def feed_forward(block, x):
        if config.activation == "swiglu":
            hidden = activate("swiglu", linear(block + "feed_forward.gate", x)) * linear(block + "feed_forward.up", x)
        else:
            hidden = activate(config.activation, linear(block + "feed_forward.up", x))
        return linear(block + "feed_forward.down", hidden)

    x = F.embedding(tokens, parameters["token.weight"])
    if config.position == "learned":
        x = x + parameters["position.weight"][:T]
    if config.position == "sinusoidal":
        x = x + sinusoids(config.context, C)[:T]
    if config.segments > 0:
        x = x + F.embedding(segments, parameters["segment.weight"])
    if config.embedding_norm:
        x = norm("embedding_norm", x)
    parts = [("attention", attention)] + ([("feed_forward", feed_forward)] if config.hidden() > 0 else [])
    for i in range(config.layers):
        block = "blocks.%d." % i
        for name, part in parts:
            if config.norm == "pre":
                x = x + part(block, norm(block + name + "_norm", x))
            elif config.norm == "post":
                x = norm(block + name + "_norm", x + part(block, x))
            else:
                x = x + part(block, x)
    if config.norm == "pre":
        x = norm("norm", x)
    return x


def forward(config, parameters, tokens, lengths):
    """tokens [B, T], lengths [B] -> logits [B, T, V]"""
    x = hidden_of(config, parameters, tokens, lengths)
    return F.linear(x, parameters["token.weight" if config.tie else "head.weight"])


def bert_forward(config, parameters, tokens, lengths, segments):
    """-> logits of the masked head [B, T, V] or None, logits of the classes [B, K] or None"""
    x = hidden_of(config, parameters, tokens, lengths, segments)
    logits = classes = None
    if config.masked_head:
        h = activate(config.activation, linear_at(parameters, "masked.transform", x))
        h = norm_at(config, parameters, "masked.norm", h)
        logits = F.linear(h, parameters["token.weight"], parameters["masked.decoder.bias"])
    if config.labels > 0:
        if config.pooling == "cls":
            summed = torch.tanh(linear_at(parameters, "pooler", x[:, 0]))
        else:
            real = (torch.arange(tokens.shape[1]) < lengths[:, None]).unsqueeze(2)  # [B, T, 1]
            summed = (x * real).sum(1) / lengths[:, None]
        classes = linear_at(parameters, "label", summed)
    return logits, classes


def mean_loss(config, parameters, tokens, targets, lengths):
    logits = config.forward(parameters, tokens, lengths)
    return F.cross_entropy(logits.reshape(-1, config.vocabulary), targets.reshape(-1), ignore_index=-1), logits


def make_batches(config, count=4):
    """tokens and targets [count, B, T], lengths [count, B]; a target of -1 is not counted."""
    B, T, V = config.sequences, config.context, config.vocabulary
    text = torch.randint(V, (count, B, T + 1))
    lengths = torch.full((count, B), T)
    if config.lengths:
        lengths = torch.randint(1, T + 1, (count, B))
        lengths[:, 0] = T
    inside = torch.arange(T) < lengths[:, :, None]
    if config.causal:
        tokens, targets = text[:, :, :-1], torch.where(inside, text[:, :, 1:], torch.tensor(-1))
        targets[1, 0, 2] = -1
    else:  # the last symbol of the vocabulary is the mask; the loss is on hidden positions only
        hidden = (torch.rand(count, B, T) < 0.4) & inside
        hidden[:, :, 0] = True
        tokens = torch.where(hidden, torch.tensor(V - 1), text[:, :, :-1])
        targets = torch.where(hidden, text[:, :, :-1], torch.tensor(-1))
    return tokens.contiguous(), targets.contiguous(), lengths


def make_bert_batches(config, count=4):
    """make_batches, and segments [count, B, T] that begin with 0, labels [count, B] of which one is -1."""
    tokens, targets, lengths = make_batches(config, count)
    T = config.context
    border = torch.randint(1, T + 1, (count, config.sequences, 1))
    segments = (torch.arange(T) >= border).long()
    labels = torch.randint(config.labels, (count, config.sequences))
    labels[1, 0] = -1
    return tokens, targets, lengths, segments, labels


def bert_loss(config, parameters, tokens, targets, lengths, segments, labels):
    """The mean over the masked places, plus the mean over the sequences."""
    logits, classes = bert_forward(config, parameters, tokens, lengths, segments)
    loss = F.cross_entropy(classes, labels, ignore_index=-1)
    if logits is not None:
        loss = loss + F.cross_entropy(logits.reshape(-1, config.vocabulary), targets.reshape(-1), ignore_index=-1)
    return loss, logits, classes


# ---- training ------------------------------------------------------------------------------------------------------
def cosine(steps, peak, least, warmup):
    """Linear to the peak within warmup steps, then half a cosine down to the least: the rate of each step, [steps]"""
    rates = []
    for step in range(steps):
        if step < warmup:
            rates.append(peak * (step + 1) / (warmup + 1))
        else:
            share = (step - warmup) / (steps - warmup)
            rates.append(least + 0.5 * (1 + math.cos(math.pi * share)) * (peak - least))
    return rates


def loss_of(config, parameters, batches, step):
    """The loss of a step that goes through the batches in a circle."""
    batch = [x[step % len(x)] for x in batches]
    return (bert_loss if config.is_bert() else mean_loss)(config, parameters, *batch)[0]


def train(config, parameters, optimizer, rates, clip, batches):
    """Steps through the batches in a circle: the loss and the gradient's norm before each update, [steps] each."""
    losses, norms = [], []
    for step, rate in enumerate(rates):
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        loss = loss_of(config, parameters, batches, step)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), clip)
        losses.append(loss.item())
        norms.append(norm.item())
        optimizer.step()
    return torch.tensor(losses), torch.tensor(norms)


def adamw(parameters, decay, **settings):
    """Decay on matrices and embeddings, none on vectors."""
    matrices = [p for p in parameters.values() if p.dim() >= 2]
    vectors = [p for p in parameters.values() if p.dim() < 2]
    return torch.optim.AdamW([{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}],
                             **settings)


def start(seed, config):
    """The arrays that every model's file begins with, the parameters and the batches."""
    torch.manual_seed(seed)
    parameters = initial_parameters(config)
    batches = make_bert_batches(config) if config.is_bert() else make_batches(config)
    arrays = {"param." + path: value.detach().clone() for path, value in parameters.items()}
    arrays.update(zip(("tokens", "targets", "lengths", "segments", "labels"), batches))
    return parameters, batches, arrays


def write_model(name, seed, config):
    parameters, batches, arrays = start(seed, config)
    if config.is_bert():
        loss, logits, classes = bert_loss(config, parameters, *(x[0] for x in batches))
        arrays["classes"] = classes
    else:
        loss, logits = mean_loss(config, parameters, *(x[0] for x in batches))
    loss.backward()
    arrays["loss"] = loss.reshape(1)
    if logits is not None:
        arrays["logits"] = logits
    arrays.update({"grad." + path: value.grad.clone() for path, value in parameters.items()})

    rates = cosine(100, 1e-2, 1e-3, 10)  # tests/nn/golden_test.cpp checks primer's schedule against these
    settings = {"betas": (0.9, 0.99), "eps": 1e-8}
    losses, norms = train(config, parameters, adamw(parameters, 0.1, lr=0, **settings), rates, 1.0, batches)
    arrays.update({"lr": torch.tensor(rates), "losses": losses, "norms": norms})
    arrays.update({"final." + path: value for path, value in parameters.items()})
    save(name, arrays, {**config.metadata(), "optimizer": "adamw", "beta1": "0.9", "beta2": "0.99", "eps": "1e-8",
                        "weight_decay": "0.1", "clip": "1"})
    print("%-20s loss %.4f -> %.4f, clipped %d of 100 steps" %
          (name, losses[0], losses[-1], int((norms > 1).sum())))


def write_optimizers(name, seed, config):
    metadata = {**config.metadata(), "sgd.lr": "0.05", "sgd.momentum": "0.9", "adam.lr": "0.01", "adam.beta1": "0.9",
                "adam.beta2": "0.999", "adam.eps": "1e-8"}
    kinds = {"sgd": (0.05, lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9)),
             "adam": (0.01, lambda parameters: torch.optim.Adam(parameters, lr=0.01, betas=(0.9, 0.999), eps=1e-8))}
    collected = {}
    for kind, (rate, make) in kinds.items():
        parameters, batches, arrays = start(seed, config)
        losses, norms = train(config, parameters, make(parameters.values()), [rate] * 20, math.inf, batches)
        collected.update({kind + ".losses": losses, kind + ".norms": norms})
        collected.update({kind + ".final." + path: value for path, value in parameters.items()})
        print("%-20s loss %.4f -> %.4f" % (kind, losses[0], losses[-1]))
    save(name, {**arrays, **collected}, metadata)


# ---- single functions ----------------------------------------------------------------------------------------------
def record(arrays, name, inputs, function):
    """Stores inputs, output y, the gradient dy that is fed back, and the gradient of every input under name."""
    inputs = {key: value.requires_grad_() for key, value in inputs.items()}
    y = function(**inputs)
    dy = torch.randn(y.shape)
    y.backward(dy)
    for key, value in inputs.items():
        arrays["%s.%s" % (name, key)] = value
        arrays["%s.d%s" % (name, key)] = value.grad
    arrays[name + ".y"], arrays[name + ".dy"] = y, dy


def write_functions(name, seed):
    torch.manual_seed(seed)
    arrays = {}
    for i, (rows, columns) in enumerate([(1, 2), (3, 7), (5, 33)]):
        record(arrays, "layer_norm.%d" % i,
               {"x": 3 * torch.randn(rows, columns) + 1, "weight": torch.randn(columns), "bias": torch.randn(columns)},
               lambda x, weight, bias: F.layer_norm(x, x.shape[1:], weight, bias, 1e-5))
        record(arrays, "softmax.%d" % i, {"x": 10 * torch.randn(rows, columns)}, lambda x: x.softmax(-1))
    for kind in ("gelu", "gelu-erf", "relu"):
        points = torch.cat([torch.linspace(-12, 12, 49), torch.tensor([-40.0, -1e-4, 1e-4, 40.0])])
        record(arrays, kind.replace("-", "_"), {"x": points}, lambda x: activate(kind, x))
    for i, (rows, C, V) in enumerate([(1, 1, 2), (4, 3, 7), (9, 5, 31)]):
        targets = torch.randint(V, (rows,))
        if rows > 1:
            targets[1] = -1
        arrays["cross_entropy.%d.targets" % i] = targets
        record(arrays, "cross_entropy.%d" % i, {"x": 2 * torch.randn(rows, C), "weight": 2 * torch.randn(V, C)},
               lambda x, weight: F.cross_entropy(F.linear(x, weight), targets, ignore_index=-1, reduction="sum"))
    for i, (B, T, C, heads) in enumerate([(1, 1, 2, 1), (2, 5, 6, 2), (1, 17, 15, 3)]):
        record(arrays, "causal_attention.%d" % i, {"qkv": 1.5 * torch.randn(B, T, 3 * C)},
               lambda qkv: attend(*qkv.split(C, dim=2), heads, torch.ones(T, T).tril().bool()))
        arrays["causal_attention.%d.heads" % i] = torch.tensor([heads])
    save(name, arrays, {})


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    write_model("gpt2", 1, Config())
    write_model("nanogpt", 2, Config(bias=False, activation="gelu-erf"))
    write_model("untied_sinusoidal", 3, Config(tie=False, position="sinusoidal", activation="relu"))
    write_model("transformer", 4, Config(norm="post", position="sinusoidal", activation="relu"))
    write_model("post_no_bias", 5, Config(norm="post", bias=False, tie=False))
    write_model("masked_pre", 6, Config(causal=False, lengths=True))
    write_model("bert", 7, Config(causal=False, lengths=True, norm="post", activation="gelu-erf", tie=False))
    write_model("odd_sizes", 8, Config(vocabulary=23, context=7, heads=3, channels=15, ffn_channels=29, bias=False,
                                       position="none", tie=False, sequences=5, lengths=True))
    write_model("attention_only", 9, Config(norm="none", ffn_channels=-1, bias=False, tie=False))
    bert = {"causal": False, "lengths": True, "norm": "post", "activation": "gelu-erf", "segments": 2,
            "embedding_norm": True, "norm_epsilon": 1e-12, "sequences": 5}
    write_model("bert_pretraining", 12, Config(masked_head=True, pooling="cls", labels=2, **bert))
    write_model("bert_classifier", 13, Config(pooling="mean", labels=3, **bert))
    write_optimizers("sgd_adam", 10, Config(context=6, channels=8, heads=2))
    write_functions("op_values", 11)


if __name__ == "__main__":
    main()
