"""Writes llama.safetensors and qwen3.safetensors, what transformers' LlamaForCausalLM and Qwen3ForCausalLM compute with
random weights, and rotary_values.safetensors, rotary positions and attention with fewer heads of keys in PyTorch.

Run without arguments, beside make_golden.py; needs PyTorch 2.4 or later and transformers 4.51 or later. Their code turns
some numbers to 32 bits on the way, whatever the model has: here it is told that 32 bits are 64.
"""
import torch
import torch.nn.functional as F
import transformers
from transformers import LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM
from transformers.models.llama import modeling_llama
from transformers.models.qwen3 import modeling_qwen3

from make_golden import (Config, adamw, cosine, make_batches, mean_loss, record, save, train)


class WideTorch:
    """torch, but for its names of 32 bits"""
    float = float32 = torch.float64

    def __getattr__(self, name):
        return getattr(torch, name)


def in_double():
    modeling_llama.torch = modeling_qwen3.torch = WideTorch()
    torch.Tensor.float = torch.Tensor.double


class Shape(Config):
    """A model of theirs under primer's names."""

    def __init__(self, kind, **changed):
        super().__init__(**changed)
        self.kind = kind
        shared = {"vocab_size": self.vocabulary, "hidden_size": self.channels, "intermediate_size": self.ffn_channels,
                  "num_hidden_layers": self.layers, "num_attention_heads": self.heads,
                  "num_key_value_heads": self.kv_heads, "head_dim": self.head_size,
                  "max_position_embeddings": self.context, "rms_norm_eps": self.norm_epsilon,
                  "rope_theta": self.rope_theta, "rope_parameters": {"rope_type": "default",
                                                                     "rope_theta": self.rope_theta},
                  "tie_word_embeddings": True, "attention_bias": False, "attention_dropout": 0.0,
                  "attn_implementation": "sdpa"}
        make = {"llama": lambda: LlamaForCausalLM(LlamaConfig(mlp_bias=False, **shared)),
                "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(use_sliding_window=False, **shared))}
        self.model = make[kind]().eval()
        self.sizes = [n * self.head_size for n in (self.heads, self.kv_heads, self.kv_heads)]

    def metadata(self):
        fields = {"kv_heads": self.kv_heads, "head_size": self.head_size, "rope_theta": self.rope_theta,
                  "qk_norm": str(self.kind == "qwen3").lower(), "norm_kind": "rms", "norm_epsilon": self.norm_epsilon,
                  "transformers": transformers.__version__}
        return {**super().metadata(), **{field: str(value) for field, value in fields.items()}}

    def names(self):
        """primer's path -> the names of the tensors of theirs that it holds, one below the other"""
        names = {"token.weight": ["model.embed_tokens.weight"], "norm.weight": ["model.norm.weight"]}
        for i in range(self.layers):
            layer, block = "model.layers.%d." % i, "blocks.%d." % i
            names[block + "attention_norm.weight"] = [layer + "input_layernorm.weight"]
            names[block + "attention.qkv.weight"] = [layer + "self_attn.%s_proj.weight" % x for x in "qkv"]
            names[block + "attention.output.weight"] = [layer + "self_attn.o_proj.weight"]
            if self.kind == "qwen3":
                for x in "qk":
                    names[block + "attention.%s_norm.weight" % x] = [layer + "self_attn.%s_norm.weight" % x]
            names[block + "feed_forward_norm.weight"] = [layer + "post_attention_layernorm.weight"]
            for x in ("up", "gate", "down"):
                names[block + "feed_forward.%s.weight" % x] = [layer + "mlp.%s_proj.weight" % x]
        return names

    def initial_parameters(self):
        theirs = dict(self.model.named_parameters())
        parameters = {}
        for path, names in self.names().items():
            shape = torch.cat([theirs.pop(name) for name in names]).shape
            parameters[path] = (0.2 * torch.randn(shape) + (1 if len(shape) == 1 else 0)).requires_grad_()
        assert not theirs, theirs.keys()
        return parameters

    def forward(self, parameters, tokens, lengths):
        """tokens [B, T], all of them real -> logits [B, T, V]"""
        theirs = {}
        for path, names in self.names().items():
            parts = parameters[path].split(self.sizes) if len(names) == 3 else [parameters[path]]
            theirs.update(zip(names, parts))
        theirs["lm_head.weight"] = theirs["model.embed_tokens.weight"]
        return torch.func.functional_call(self.model, theirs, (tokens,), {"use_cache": False}).logits


def write_shape(kind, seed, **changed):
    torch.manual_seed(seed)
    config = Shape(kind, vocabulary=23, context=9, bias=False, position="rotary", activation="swiglu", **changed)
    parameters, batches = config.initial_parameters(), make_batches(config)
    arrays = {"param." + path: value.detach().clone() for path, value in parameters.items()}
    arrays.update(zip(("tokens", "targets", "lengths"), batches))
    loss, logits = mean_loss(config, parameters, *(x[0] for x in batches))
    loss.backward()
    arrays.update({"loss": loss.reshape(1), "logits": logits})
    arrays.update({"grad." + path: value.grad.clone() for path, value in parameters.items()})
    rates = cosine(100, 1e-2, 1e-3, 10)
    optimizer = adamw(parameters, 0.1, lr=0, betas=(0.9, 0.99), eps=1e-8)
    losses, norms = train(config, parameters, optimizer, rates, 1.0, batches)
    arrays.update({"lr": torch.tensor(rates), "losses": losses, "norms": norms})
    arrays.update({"final." + path: value for path, value in parameters.items()})
    save(kind, arrays, config.metadata())
    print("%-20s loss %.4f -> %.4f" % (kind, losses[0], losses[-1]))


def turned(x, theta, past):
    """x [B, T, n, D], its pairs of halves turned by (past + t) theta^(-2i/D)"""
    T, D = x.shape[1], x.shape[3]
    angles = torch.arange(past, past + T)[:, None] * theta ** (-torch.arange(0, D, 2) / D)  # [T, D/2]
    c, s = angles.cos()[:, None, :], angles.sin()[:, None, :]
    low, high = x.chunk(2, dim=-1)
    return torch.cat([low * c - high * s, high * c + low * s], dim=-1)


def grouped(q, k, v, heads, kv_heads, causal):
    """q [B, T, H D], k and v [B, T, K D]: head h reads key head h K / H, rounded down"""
    q, k, v = (x.unflatten(2, (n, -1)).transpose(1, 2) for x, n in ((q, heads), (k, kv_heads), (v, kv_heads)))
    k, v = (x.repeat_interleave(heads // kv_heads, dim=1) for x in (k, v))
    return F.scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(1, 2).flatten(2)


def write_values():
    torch.manual_seed(18)
    arrays = {}
    for i, (B, T, n, D, theta, past) in enumerate([(1, 1, 1, 2, 10000.0, 3), (2, 7, 3, 4, 10000.0, 0),
                                                   (1, 5, 2, 10, 1e6, 1000)]):
        record(arrays, "rotary.%d" % i, {"x": torch.randn(B, T, n, D)}, lambda x: turned(x, theta, past))
        arrays["rotary.%d.past" % i], arrays["rotary.%d.theta" % i] = torch.tensor([past]), torch.tensor([int(theta)])
    for i, (B, T, H, K, D, causal) in enumerate([(2, 5, 4, 2, 3, True), (1, 75, 6, 1, 4, True),
                                                 (2, 9, 6, 3, 2, False)]):
        sizes = {"q": H * D, "k": K * D, "v": K * D}
        record(arrays, "grouped.%d" % i, {x: 1.5 * torch.randn(B, T, n) for x, n in sizes.items()},
               lambda q, k, v: grouped(q, k, v, H, K, causal))
        arrays["grouped.%d.heads" % i] = torch.tensor([H, K, int(causal)])
    save("rotary_values", arrays, {})


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    in_double()
    write_shape("llama", 16, heads=4, kv_heads=2, channels=24, head_size=6, ffn_channels=40, rope_theta=10000.0,
                norm_epsilon=1e-5)
    write_shape("qwen3", 17, heads=6, kv_heads=2, channels=20, head_size=8, ffn_channels=28, rope_theta=1e6,
                norm_epsilon=1e-6)
    write_values()


if __name__ == "__main__":
    main()
