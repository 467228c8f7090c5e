"""Writes alignment_additive.safetensors, Bahdanau's GRU model, and alignment_general.safetensors, Luong's LSTM model with
input feeding: encoders of torch.nn.GRU and LSTM in both directions, and decoders written out step by step.

Run without arguments, beside make_golden.py; made with PyTorch 2.15.0.
"""
import torch
import torch.nn.functional as F
from torch.func import functional_call
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from make_golden import Config, make_batches, save

SMOOTHING = 0.1
GATES = {"gru": 3, "lstm": 4}


class Pair(Config):
    def __init__(self, body, align, **changed):
        super().__init__(lengths=True, bias=True, tie=False, channels=10, layers=2, source_length=7, **changed)
        self.body, self.align = body, align

    def metadata(self):
        return {**super().metadata(), "body": self.body, "align": self.align, "decoder_layers": str(self.decoder_layers),
                "input_feeding": str(self.align != "additive").lower(), "scale_tokens": "false",
                "smoothing": str(SMOOTHING)}

    def layer_shapes(self, path, inputs):
        C, G = self.channels, GATES[self.body]
        shapes = {path + ".input.weight": (G * C, inputs), path + ".recurrent.weight": (G * C, C),
                  path + ".input.bias": (G * C,)}
        if self.body == "gru":
            shapes[path + ".recurrent.bias"] = (C,)
        return shapes

    def shapes(self):
        C, V, G = self.channels, self.vocabulary, GATES[self.body]
        shapes = {"token.weight": (V, C), "head.weight": (V, C)}
        for i in range(self.layers):
            for way in ("forwards", "backwards"):
                shapes.update(self.layer_shapes("encoder.layers.%d.%s" % (i, way), C if i == 0 else 2 * C))
        additive, width = self.align == "additive", C if self.body == "gru" else 2 * C
        for i in range(self.decoder_layers):
            shapes.update(self.layer_shapes("decoder.layers.%d" % i, C))
            shapes["decoder.start.%d.weight" % i] = (width, C if additive else 2 * C)
        shapes["alignment.key.weight"] = (C, 2 * C)
        if additive:
            shapes.update({"alignment.query.weight": (C, C), "alignment.score": (C,), "decoder.feed.weight": (G * C, 2 * C),
                           "output.state.weight": (2 * C, C), "output.token.weight": (2 * C, C),
                           "output.context.weight": (2 * C, 2 * C)})
        else:
            shapes.update({"decoder.feed.weight": (G * C, C), "output.weight": (C, 3 * C)})
        return shapes

    def biases(self, p, path):
        """theirs, two, of ours: the second is 0 but for a GRU's n"""
        C, G = self.channels, GATES[self.body]
        inner = p.get(path + ".recurrent.bias", torch.zeros(C))
        return p[path + ".input.bias"], torch.cat([torch.zeros((G - 1) * C), inner])

    def encode(self, p, sources, lengths):
        """-> states [B, S, 2 C], the last ones of both directions [B, C] each"""
        C = self.channels
        weights = {}
        for i in range(self.layers):
            for way, end in (("forwards", ""), ("backwards", "_reverse")):
                path, at = "encoder.layers.%d.%s" % (i, way), "_l%d%s" % (i, end)
                weights["weight_ih" + at], weights["weight_hh" + at] = p[path + ".input.weight"], p[path + ".recurrent.weight"]
                weights["bias_ih" + at], weights["bias_hh" + at] = self.biases(p, path)
        module = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[self.body]
        network = module(C, C, self.layers, batch_first=True, bidirectional=True)
        packed = pack_padded_sequence(F.embedding(sources, p["token.weight"]), lengths, True, enforce_sorted=False)
        y, last = functional_call(network, weights, (packed,))
        last = last if self.body == "gru" else last[0]
        return pad_packed_sequence(y, True, total_length=sources.shape[1])[0], last[-2], last[-1]

    def cell(self, p, i, x, fed, state):
        path = "decoder.layers.%d" % i
        weight, u = p[path + ".input.weight"], p[path + ".recurrent.weight"]
        if fed is not None:  # [W F] [x; fed]
            x, weight = torch.cat([x, fed], 1), torch.cat([weight, p["decoder.feed.weight"]], 1)
        make = torch.gru_cell if self.body == "gru" else torch.lstm_cell
        return make(x, state, weight, u, *self.biases(p, path))

    def attend(self, p, s, h, lengths):
        """s [B, C], h [B, S, 2 C] -> context [B, 2 C]"""
        key = p["alignment.key.weight"]
        if self.align == "additive":
            units = torch.tanh((s @ p["alignment.query.weight"].T)[:, None] + h @ key.T)
            scores = units @ p["alignment.score"]
        else:
            scores = torch.einsum("bn,nm,bsm->bs", s, key, h)
        hidden = torch.arange(h.shape[1]) >= lengths[:, None]
        return torch.einsum("bs,bsm->bm", scores.masked_fill(hidden, float("-inf")).softmax(1), h)

    def forward(self, p, tokens, sources, source_lengths):
        """tokens [B, T], sources [B, S], source_lengths [B] -> logits [B, T, V]"""
        C, additive = self.channels, self.align == "additive"
        h, there, back = self.encode(p, sources, source_lengths)
        end = back if additive else torch.cat([there, back], 1)
        states = [torch.tanh(end @ p["decoder.start.%d.weight" % i].T) for i in range(self.decoder_layers)]
        if self.body == "lstm":
            states = [(s[:, :C], s[:, C:]) for s in states]
        h_of = lambda state: state if self.body == "gru" else state[0]
        fed, rows = torch.zeros(len(tokens), C), []
        for t in range(tokens.shape[1]):
            e = F.embedding(tokens[:, t], p["token.weight"])
            if additive:
                fed = self.attend(p, h_of(states[0]), h, source_lengths)
            y = e
            for i in range(self.decoder_layers):
                states[i] = self.cell(p, i, y, fed if i == 0 else None, states[i])
                y = h_of(states[i])
            if additive:
                a = y @ p["output.state.weight"].T + e @ p["output.token.weight"].T + fed @ p["output.context.weight"].T
                rows.append(torch.maximum(a[:, :C], a[:, C:]))
            else:
                context = self.attend(p, y, h, source_lengths)
                fed = torch.tanh(torch.cat([context, y], 1) @ p["output.weight"].T)
                rows.append(fed)
        return F.linear(torch.stack(rows, 1), p["head.weight"])


def write_pair(name, seed, body, align, **changed):
    torch.manual_seed(seed)
    config = Pair(body, align, **changed)
    parameters = {path: (0.4 * torch.randn(shape)).requires_grad_() for path, shape in config.shapes().items()}
    tokens, targets, lengths = make_batches(config, 2)
    sources = torch.randint(config.vocabulary, (*lengths.shape, config.source_length))
    source_lengths = torch.randint(1, config.source_length + 1, lengths.shape)
    logits = config.forward(parameters, tokens[0], sources[0], source_lengths[0])
    loss = F.cross_entropy(logits.reshape(-1, config.vocabulary), targets[0].reshape(-1), ignore_index=-1,
                           label_smoothing=SMOOTHING)
    loss.backward()
    arrays = {"tokens": tokens, "targets": targets, "lengths": lengths, "sources": sources,
              "source_lengths": source_lengths, "logits": logits, "loss": loss.reshape(1)}
    arrays.update({"param." + path: value for path, value in parameters.items()})
    arrays.update({"grad." + path: value.grad for path, value in parameters.items()})
    save(name, arrays, config.metadata())
    print("%-20s loss %.4f, sources of %s tokens" % (name, loss.item(), source_lengths[0].tolist()))


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    write_pair("alignment_additive", 41, "gru", "additive", decoder_layers=1)
    write_pair("alignment_general", 42, "lstm", "general", decoder_layers=2)


if __name__ == "__main__":
    main()
