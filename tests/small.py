"""Settings that make families small, for tests of what does not depend on their size."""

from __future__ import annotations

from typing import Any

SMALL: dict[str, dict[str, Any]] = {
    "batch_norm_rnn": {"hidden": 16},
    "biaxial": {"hidden": 8, "across": 8, "window": 16},
    "char_rnn": {"hidden": 16, "layers": 1, "window": 32},
    "clockwork": {"hidden": 20},
    "elman": {"hidden": 16},
    "forest": {"trees": 40},
    "frame_vae": {"hidden": 16, "latent": 4},
    "glover": {"hidden": 8},
    "gru": {"hidden": 16},
    "gruv": {"hidden": 8},
    "highway": {"width": 16, "depth": 4},
    "lenet": {"width": 1},
    "lru": {"hidden": 16, "layers": 1},
    "lstm": {"hidden": 16},
    "melody_rnn": {"hidden": 16, "layers": 1, "window": 32},
    "memn2n": {"width": 16},
    "mingru": {"hidden": 16, "layers": 1},
    "minlstm": {"hidden": 16, "layers": 1},
    "mlp": {"hidden": 16},
    "neural_stack": {"hidden": 16, "cell": 8},
    "neural_turing_machine": {"hidden": 16, "rows": 8, "columns": 4},
    "resnet": {"widths": (4, 6, 8)},
    "sample_rnn": {"hidden": 16},
    "seq2seq": {"hidden": 16},
    "stack_rnn": {"hidden": 16},
    "ufcnn": {"hidden": 12, "layers": 3},
    "wavenet": {"blocks": 1, "doublings": 4, "residual": 16, "skip": 16},
}
