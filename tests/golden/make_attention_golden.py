"""Writes attention_kinds.safetensors: single attention layers other than softmax, each by the formula of its paper:
whole patterns for linear attention and positive features, Peng's recurrence step by step, Nystromformer's iteration.
Gradients are complex steps, exact to the last digits: df/dx = Im f(x + i h) / h with h = 1e-100.
Run without arguments; needs NumPy and nothing else.
"""
import json
import os
import struct

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
STEP = 1e-100


def save(name, arrays, metadata):
    header, blocks, offset = {"__metadata__": {"numpy": np.__version__, **metadata}}, [], 0
    for key in sorted(arrays):
        array = np.ascontiguousarray(arrays[key])
        kind = "I64" if array.dtype == np.int64 else "F64"
        block = array.astype("<i8" if kind == "I64" else "<f8").tobytes()
        header[key] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [offset, offset + len(block)]}
        blocks.append(block)
        offset += len(block)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(HERE, name + ".safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blocks))


def softmax(x):
    e = np.exp(x)
    return e / e.sum(-1, keepdims=True)


def elu_plus_one(x):
    return np.where(x.real > 0, x + 1, np.exp(x))


def positive(x, w):
    """Choromanski et al. 2021, lemma 1: x [T, D], w [M, D]"""
    return np.exp(x @ w.T - (x * x).sum(-1, keepdims=True) / 2) / np.sqrt(len(w))


def by_kernel(q, k, v, features, causal, length):
    """Rows of the kernel's matrix, each over its sum: equation 4 of Katharopoulos et al. 2020"""
    similar = features(q) @ features(k).T
    if causal:
        similar = np.tril(similar)
    similar[:, length:] = 0
    return similar / similar.sum(-1, keepdims=True) @ v


def by_recurrence(q, k, v, w, sigma, open_gate, epsilon, least):
    """Peng et al. 2021, section 3.1 and its gate: one state S [2 m, D] and one z [2 m]"""
    def features(x):
        unit = sigma * x / np.sqrt((x * x).mean() + epsilon)
        h = w @ unit
        return np.concatenate([np.sin(h), np.cos(h)])

    S, z, ones, out = 0, 0, 0, []
    for t in range(len(q)):
        phi, g = features(k[t]), 1 / (1 + np.exp(-open_gate[t]))
        S = g * S + (1 - g) * np.outer(phi, v[t])
        z = g * z + (1 - g) * phi
        ones = g * ones + (1 - g)
        below, floor = features(q[t]) @ z, least * len(w) * ones
        out.append(features(q[t]) @ S / (below if below.real > floor.real else floor))
    return np.stack(out)


def by_landmarks(q, k, v, landmarks, length, rounds=6):
    """Xiong et al. 2021, equations 13 and 14: segment means of the real tokens"""
    root = np.sqrt(q.shape[1])
    m = min(landmarks, len(q))
    cuts = [(j * length // m, max((j + 1) * length // m, j * length // m + 1)) for j in range(m)]
    ql, kl = (np.stack([x[a:b].mean(0) for a, b in cuts]) for x in (q, k))
    F, A, scores = softmax(q @ kl.T / root), softmax(ql @ kl.T / root), ql @ k.T / root
    B = np.zeros_like(scores)
    B[:, :length] = softmax(scores[:, :length])
    columns = A.sum(0)
    Z, I = A.T / columns[np.argmax(columns.real)], np.eye(m)
    for _ in range(rounds):
        Z = Z @ (13 * I - A @ Z @ (15 * I - A @ Z @ (7 * I - A @ Z))) / 4
    return F @ Z @ B @ v


def layer(shape, p):
    """The whole layer: p["x"] [B, T, C], weights [out, in] -> [B, T, C]"""
    H, K, D, causal = shape["heads"], shape["kv_heads"], shape["head_size"], shape["causal"]
    out = []
    for b, x in enumerate(p["x"]):
        length = shape["lengths"][b]
        packed = x @ p["qkv.weight"].T
        q, k, v = (packed[:, a:a + n * D].reshape(-1, n, D) for a, n in ((0, H), (H * D, K), ((H + K) * D, K)))
        gates = x @ p["gate.weight"].T + p["gate.bias"] if shape["kind"] == "rfa" else None
        heads = []
        for h in range(H):
            g = h * K // H
            qh, kh, vh = q[:, h], k[:, g], v[:, g]
            if shape["kind"] == "linear":
                z = by_kernel(qh, kh, vh, elu_plus_one, causal, length)
            elif shape["kind"] == "favor":
                z = by_kernel(qh / D ** .25, kh / D ** .25, vh, lambda y: positive(y, p["directions"]), causal, length)
            elif shape["kind"] == "rfa":
                w = p["directions"]
                z = by_recurrence(qh, kh, vh, w, p["sigma"], gates[:, g], 1e-5, 0.01)
            else:
                z = by_landmarks(qh, kh, vh, shape["landmarks"], length)
            heads.append(z)
        out.append(np.concatenate(heads, 1) @ p["output.weight"].T)
    return np.stack(out)


def main():
    random, arrays, cases = np.random.default_rng(31), {}, []
    for kind, causal, H, K, T, lengths, more in [
            ("linear", True, 2, 2, 6, None, {}), ("linear", False, 4, 2, 5, [5, 3], {}),
            ("favor", True, 4, 2, 6, None, {"features": 5}), ("favor", False, 2, 2, 5, [5, 2], {"features": 8}),
            ("rfa", True, 2, 2, 6, None, {"features": 6}), ("rfa", True, 4, 2, 5, None, {"features": 8}),
            ("nystrom", False, 2, 2, 6, None, {"landmarks": 3}), ("nystrom", False, 4, 2, 7, [7, 5], {"landmarks": 3})]:
        B, D = 2, 3
        C = H * D
        shape = {"kind": kind, "causal": causal, "heads": H, "kv_heads": K, "head_size": D, "lengths": lengths or [T] * B,
                 "features": 0, "landmarks": 4, **more}
        p = {"x": random.normal(size=(B, T, C)), "qkv.weight": random.normal(size=((H + 2 * K) * D, C)) / np.sqrt(C),
             "output.weight": random.normal(size=(C, C)) / np.sqrt(C)}
        if kind == "favor":
            p["directions"] = random.normal(size=(shape["features"], D))
        if kind == "rfa":
            p["directions"] = random.normal(size=(shape["features"] // 2, D)) / np.sqrt(D)
            p["sigma"] = 1 + 0.2 * random.normal(size=D)
            p["gate.weight"], p["gate.bias"] = random.normal(size=(K, C)), random.normal(size=K)
        real = np.arange(T)[None, :, None] < np.array(shape["lengths"])[:, None, None]
        dy = random.normal(size=(B, T, C)) * real  # what stands at padded places means nothing
        name = "%s.%d" % (kind, sum(c.startswith(kind) for c in cases))
        cases.append(name)
        arrays.update({name + "." + key: value for key, value in p.items()})
        arrays[name + ".dy"], arrays[name + ".y"] = dy, layer(shape, p) * real
        for key, value in p.items():
            slopes = np.empty(value.size)
            for i in range(value.size):
                moved = value.astype(complex)
                moved.flat[i] += 1j * STEP
                slopes[i] = (layer(shape, {**p, key: moved}) * dy).sum().imag / STEP
            if key != "directions":
                arrays[name + ".d" + key] = slopes.reshape(value.shape)
        arrays[name + ".lengths"] = np.array(shape["lengths"], dtype=np.int64)
        arrays[name + ".shape"] = np.array([int(causal), H, K, D, shape["features"], shape["landmarks"]], dtype=np.int64)
    save("attention_kinds", arrays, {"cases": " ".join(cases)})


if __name__ == "__main__":
    main()
