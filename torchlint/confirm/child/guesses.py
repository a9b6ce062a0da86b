"""Arguments made up for constructors that nothing else is known of.

A model made with them is one that the project may never make: what follows from it says little.
"""

from __future__ import annotations

from typing import Any

# What a parameter most likely wants, by its name; the first entry that the name equals or ends with.
GUESSES: tuple[tuple[str, Any], ...] = (
    ("in_channels", 3), ("input_channels", 3), ("n_channels", 3), ("in_ch", 3), ("in_chans", 3), ("img_ch", 3),
    ("num_channels", 3), ("nc", 3), ("channels", 3), ("inplanes", 16), ("in_planes", 16), ("planes", 16),
    ("in_channel", 3), ("out_channel", 16),
    ("out_channels", 16), ("output_channels", 16), ("out_ch", 16), ("output_ch", 1), ("mid_channels", 16),
    ("n_classes", 10), ("num_classes", 10), ("n_class", 10), ("num_class", 10), ("classes", 10), ("nclass", 10),
    ("output_size", 10), ("output_dim", 10), ("out_dim", 16), ("out_features", 16), ("n_out", 16),
    ("latent_dim", 16), ("latent_size", 16), ("nz", 16), ("z_dim", 16), ("noise_dim", 16), ("z_size", 16),
    ("input_size", 16), ("input_dim", 16), ("in_dim", 16), ("in_features", 16), ("n_in", 16),
    ("hidden_size", 16), ("hidden_dim", 16), ("hidden", 16), ("embed_size", 16), ("embed_dim", 16),
    ("embedding_dim", 16), ("embedding_size", 16), ("d_model", 16), ("dim", 16), ("nhid", 16), ("ninp", 16),
    ("num_features", 16), ("features", 16), ("width", 16), ("ngf", 16), ("ndf", 16), ("nf", 16), ("base", 16),
    ("vocab_size", 100), ("ntoken", 100), ("ntokens", 100), ("n_vocab", 100), ("num_embeddings", 100),
    ("num_layers", 2), ("n_layers", 2), ("nlayers", 2), ("depth", 2), ("num_blocks", 2), ("n_blocks", 2),
    ("num_heads", 2), ("nhead", 2), ("n_heads", 2), ("heads", 2), ("n_head", 2),
    ("kernel_size", 3), ("kernel", 3), ("stride", 1), ("padding", 1), ("dilation", 1), ("groups", 1),
    ("img_size", 32), ("image_size", 32), ("img_shape", (3, 32, 32)), ("in_shape", (3, 32, 32)),
    ("dropout", 0.1), ("drop_rate", 0.1), ("dropout_rate", 0.1), ("p", 0.5), ("scale_factor", 2), ("scale", 2),
    ("bilinear", True), ("bias", True), ("ch_in", 16), ("ch_out", 16), ("in_size", 16), ("out_size", 16),
    ("seq_len", 8), ("max_len", 32), ("growth_rate", 8), ("reduction", 4), ("size", 16), ("expansion", 2),
    ("activation", "relu"), ("input_nc", 3), ("output_nc", 3), ("inp", 16), ("oup", 16), ("inputs", 16),
    ("outputs", 16),
)  # fmt: skip


def guess(name: str) -> Any:
    """A value for a required parameter, by its name; None when the name says nothing."""
    lowered = name.lower()
    for known, value in GUESSES:
        if lowered == known:
            return value
    for known, value in GUESSES:
        if len(known) > 3 and lowered.endswith(known):
            return value
    return None
