"""Writes the golden files of recurrent models beside this script: what torch.nn.RNN, GRU and LSTM compute, in double.

Run without arguments; made with PyTorch 2.15.0, needs nothing else. make_golden.py says more; it is used here.
"""
import torch
import torch.nn.functional as F
from torch.func import functional_call

import make_golden
from make_golden import Config, adamw, cosine, make_batches, save, train

KINDS = {"rnn": (torch.nn.RNN, 1), "gru": (torch.nn.GRU, 3), "lstm": (torch.nn.LSTM, 4)}  # and rows of gates a channel


def initial_parameters(body, config):
    """path -> tensor. Where PyTorch adds two biases there is one; that of a GRU's hidden state in n is its own."""
    C, gates = config.channels, KINDS[body][1]
    shapes = {"token.weight": (config.vocabulary, C)}
    for i in range(config.layers):
        layer = "layers.%d." % i
        shapes[layer + "input.weight"] = (gates * C, C)
        shapes[layer + "recurrent.weight"] = (gates * C, C)
        if config.bias:
            shapes[layer + "input.bias"] = (gates * C,)
        if config.bias and body == "gru":
            shapes[layer + "recurrent.bias"] = (C,)
    if not config.tie:
        shapes["head.weight"] = (config.vocabulary, C)
    return {path: (0.4 * torch.randn(shape)).requires_grad_() for path, shape in shapes.items()}


def forward(body, config, parameters, tokens):
    """tokens [B, T] -> logits [B, T, V]"""
    C, (module, gates) = config.channels, KINDS[body]
    weights = {}
    for i in range(config.layers):
        layer = "layers.%d." % i
        weights["weight_ih_l%d" % i] = parameters[layer + "input.weight"]
        weights["weight_hh_l%d" % i] = parameters[layer + "recurrent.weight"]
        if config.bias:
            inner = parameters.get(layer + "recurrent.bias", torch.zeros(C))
            weights["bias_ih_l%d" % i] = parameters[layer + "input.bias"]
            weights["bias_hh_l%d" % i] = torch.cat([torch.zeros((gates - 1) * C), inner])
    network = module(C, C, config.layers, bias=config.bias, batch_first=True)
    x, _ = functional_call(network, weights, (F.embedding(tokens, parameters["token.weight"]),))
    return F.linear(x, parameters["token.weight" if config.tie else "head.weight"])


def write_model(name, seed, body, config):
    def loss_of(_, parameters, batches, step):
        tokens, targets, _ = (x[step % len(x)] for x in batches)
        logits = forward(body, config, parameters, tokens)
        return F.cross_entropy(logits.reshape(-1, config.vocabulary), targets.reshape(-1), ignore_index=-1)

    torch.manual_seed(seed)
    parameters, batches = initial_parameters(body, config), make_batches(config)
    arrays = {"param." + path: value.detach().clone() for path, value in parameters.items()}
    arrays.update(zip(("tokens", "targets", "lengths"), batches))
    arrays["logits"] = forward(body, config, parameters, batches[0][0])
    loss = loss_of(config, parameters, batches, 0)
    loss.backward()
    arrays["loss"] = loss.reshape(1)
    arrays.update({"grad." + path: value.grad.clone() for path, value in parameters.items()})

    make_golden.loss_of = loss_of  # which train() asks
    rates = cosine(100, 1e-2, 1e-3, 10)
    optimizer = adamw(parameters, 0.1, lr=0, betas=(0.9, 0.99), eps=1e-8)
    losses, norms = train(config, parameters, optimizer, rates, 1.0, batches)
    arrays.update({"lr": torch.tensor(rates), "losses": losses, "norms": norms})
    arrays.update({"final." + path: value for path, value in parameters.items()})
    save(name, arrays, {**config.metadata(), "body": body})
    print("%-20s loss %.4f -> %.4f, clipped %d of 100 steps" % (name, losses[0], losses[-1], int((norms > 1).sum())))


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    for seed, body in enumerate(KINDS, 20):
        write_model(body, seed, body, Config())
    odd = {"vocabulary": 23, "context": 7, "channels": 15, "tie": False, "bias": False, "sequences": 5, "lengths": True}
    write_model("lstm_odd_sizes", 23, "lstm", Config(**odd))
    write_model("gru_odd_sizes", 24, "gru", Config(**odd))


if __name__ == "__main__":
    main()
