"""Writes rms_swiglu.safetensors, a GPT with RMS norms and gated feed-forward parts, and rms_swiglu_values.safetensors, the
functions it is made of. Run without arguments; needs PyTorch 2.4 or later, which has an RMS norm of its own.
"""
import torch
import torch.nn.functional as F

from make_golden import Config, activate, record, save, write_model


def gated(x, up, gate, down):
    """Shazeer 2020, equation 6: x [R, C], up and gate [F, C], down [C, F] -> [R, C]"""
    return F.linear(activate("swiglu", F.linear(x, gate)) * F.linear(x, up), down)


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    write_model("rms_swiglu", 14, Config(norm_kind="rms", norm_epsilon=1e-6, activation="swiglu"))
    torch.manual_seed(15)
    arrays = {}
    for i, (rows, columns) in enumerate([(1, 2), (3, 7), (5, 33)]):
        record(arrays, "rms_norm.%d" % i, {"x": 3 * torch.randn(rows, columns) + 1, "weight": torch.randn(columns)},
               lambda x, weight: F.rms_norm(x, x.shape[1:], weight, 1e-5))
    for kind in ("relu2", "swiglu"):
        points = torch.cat([torch.linspace(-12, 12, 49), torch.tensor([-40.0, -1e-4, 1e-4, 40.0])])
        record(arrays, kind, {"x": points}, lambda x: activate(kind, x))
    for i, (rows, C, hidden) in enumerate([(1, 1, 2), (4, 3, 7), (9, 5, 31)]):
        record(arrays, "gated.%d" % i, {"x": torch.randn(rows, C), "up": torch.randn(hidden, C),
                                        "gate": torch.randn(hidden, C), "down": torch.randn(C, hidden)}, gated)
    save("rms_swiglu_values", arrays, {})


if __name__ == "__main__":
    main()
