"""Writes encoder_decoder_post.safetensors and encoder_decoder_pre.safetensors, what torch.nn.Transformer computes with
random weights, and smoothing_values.safetensors, the cross entropy with label smoothing in PyTorch.

Run without arguments, beside make_golden.py; needs PyTorch 2.4 or later.
"""
import math

import torch
import torch.nn.functional as F

from make_golden import Config, make_batches, record, save, sinusoids

SMOOTHING = 0.1


class Pair(Config):
    """torch.nn.Transformer under primer's names. Its final norms are there in a pre-norm model only, as in primer."""

    def __init__(self, **changed):
        super().__init__(lengths=True, bias=True, position="sinusoidal", activation="relu", decoder_layers=2,
                         source_length=6, **changed)
        pre = self.norm == "pre"
        self.model = torch.nn.Transformer(self.channels, self.heads, self.layers, self.decoder_layers, self.hidden(), 0.0,
                                          "relu", layer_norm_eps=self.norm_epsilon, batch_first=True, norm_first=pre)
        self.model.encoder.enable_nested_tensor = False
        if not pre:
            self.model.encoder.norm = self.model.decoder.norm = None

    def metadata(self):
        return {**super().metadata(), "decoder_layers": str(self.decoder_layers), "scale_tokens": "true",
                "smoothing": str(SMOOTHING)}

    def names(self):
        """the name of a tensor of theirs -> primer's paths of the parts that it is made of, one below the other"""
        names = {}

        def both(theirs, *paths, joint="."):
            for kind in ("weight", "bias"):
                names[theirs + joint + kind] = [path + "." + kind for path in paths]

        for half, layers in (("encoder", self.layers), ("decoder", self.decoder_layers)):
            parts = ["attention"] + (["cross"] if half == "decoder" else []) + ["feed_forward"]
            for i in range(layers):
                layer, block = "%s.layers.%d." % (half, i), "%s.blocks.%d." % (half, i)
                both(layer + "self_attn.in_proj", block + "attention.qkv", joint="_")
                both(layer + "self_attn.out_proj", block + "attention.output")
                if half == "decoder":
                    both(layer + "multihead_attn.in_proj", block + "cross_attention.query", block + "cross_attention.kv",
                         joint="_")
                    both(layer + "multihead_attn.out_proj", block + "cross_attention.output")
                both(layer + "linear1", block + "feed_forward.up")
                both(layer + "linear2", block + "feed_forward.down")
                for n, part in enumerate(parts):
                    both(layer + "norm%d" % (n + 1), block + part + "_norm")
            if self.norm == "pre":
                both(half + ".norm", half + ".norm")
        return names

    def initial_parameters(self):
        parameters = {"token.weight": 0.2 * torch.randn(self.vocabulary, self.channels)}
        theirs = dict(self.model.named_parameters())
        for name, paths in self.names().items():
            value = theirs.pop(name)
            shares = [len(value)] if len(paths) == 1 else [self.channels, 2 * self.channels]
            for path, share in zip(paths, shares):
                parameters[path] = 0.2 * torch.randn(share, *value.shape[1:]) + path.endswith("norm.weight")
        assert not theirs, theirs.keys()
        return {path: value.requires_grad_() for path, value in parameters.items()}

    def forward(self, parameters, tokens, lengths, sources, source_lengths):
        """tokens [B, T], lengths [B], sources [B, S], source_lengths [B] -> logits [B, T, V]"""
        rows = parameters["token.weight"]

        def embed(ids):
            return math.sqrt(self.channels) * F.embedding(ids, rows) + sinusoids(self.context, self.channels)[:ids.shape[1]]

        def padding(ids, real):
            return torch.arange(ids.shape[1]) >= real[:, None]

        T = tokens.shape[1]
        theirs = {name: torch.cat([parameters[path] for path in paths]) for name, paths in self.names().items()}
        y = torch.func.functional_call(self.model, theirs, (embed(sources), embed(tokens)), {
            "tgt_mask": torch.ones(T, T).triu(1).bool(), "tgt_key_padding_mask": padding(tokens, lengths),
            "src_key_padding_mask": padding(sources, source_lengths),
            "memory_key_padding_mask": padding(sources, source_lengths)})
        return F.linear(y, rows)


def write_pair(name, seed, **changed):
    torch.manual_seed(seed)
    config = Pair(**changed)
    parameters = config.initial_parameters()
    tokens, targets, lengths = make_batches(config, 2)
    sources = torch.randint(config.vocabulary, (*lengths.shape, config.source_length))
    source_lengths = torch.randint(1, config.source_length + 1, lengths.shape)
    logits = config.forward(parameters, tokens[0], lengths[0], sources[0], source_lengths[0])
    loss = F.cross_entropy(logits.reshape(-1, config.vocabulary), targets[0].reshape(-1), ignore_index=-1,
                           label_smoothing=SMOOTHING)
    loss.backward()
    arrays = {"tokens": tokens, "targets": targets, "lengths": lengths, "sources": sources,
              "source_lengths": source_lengths, "logits": logits, "loss": loss.reshape(1)}
    arrays.update({"param." + path: value for path, value in parameters.items()})
    arrays.update({"grad." + path: value.grad for path, value in parameters.items()})
    save(name, arrays, config.metadata())
    print("%-22s loss %.4f, sources of %s tokens" % (name, loss.item(), source_lengths[0].tolist()))


def write_smoothing():
    torch.manual_seed(33)
    arrays = {}
    for i, (rows, C, V, smoothing) in enumerate([(1, 1, 2, 0.5), (4, 3, 7, 0.1), (9, 5, 31, 0.25)]):
        targets = torch.randint(V, (rows,))
        if rows > 1:
            targets[1] = -1
        arrays["smoothing.%d.targets" % i], arrays["smoothing.%d.percent" % i] = targets, torch.tensor([int(100 * smoothing)])
        record(arrays, "smoothing.%d" % i, {"x": 2 * torch.randn(rows, C), "weight": 2 * torch.randn(V, C)},
               lambda x, weight: F.cross_entropy(F.linear(x, weight), targets, ignore_index=-1, reduction="sum",
                                                 label_smoothing=smoothing))
    save("smoothing_values", arrays, {})


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    write_pair("encoder_decoder_post", 31, norm="post")
    write_pair("encoder_decoder_pre", 32, norm="pre")
    write_smoothing()


if __name__ == "__main__":
    main()
