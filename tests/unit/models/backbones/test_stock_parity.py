"""Our networks beside the stock classes of other packages, at tiny sizes with random weights."""
# ruff: noqa: E402 - what needs torch is imported once it is there

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="pip install 'videoengine[models]'")

from videoengine.models.backbones.checkpoint import load_whole
from videoengine.models.backbones.families import biomed_clip, dinov2, dinov3, endovit
from videoengine.models.backbones.families import siglip as siglip_family
from videoengine.models.backbones.families import video_transformers as video

PUBLISHED = Path("published")
ATOL = 2e-5
"""Two float32 paths of a few layers, attention fused and not."""
SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}


@pytest.fixture
def stock() -> Callable[..., Any]:
    """A class of transformers with every weight drawn at random, also those that begin at 0."""
    transformers = pytest.importorskip("transformers", reason="pip install 'videoengine[hub]'")

    def make(model: str, config: str, **sizes: Any) -> Any:
        made = getattr(transformers, model)(getattr(transformers, config)(**sizes)).eval()
        return _drawn(made)

    return make


def _drawn(module: Any) -> Any:
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.normal_(0, 0.1, generator=generator)
    return module


def _pixels(*shape: int) -> Any:
    return torch.randn(shape, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("registers", [0, 4])
@pytest.mark.parametrize("gated", [False, True])
def test_dinov2_equals_transformers(stock: Any, registers: int, gated: bool) -> None:
    from videoengine.models.backbones.networks.vision_transformer import (
        VisionShape,
        VisionTransformer,
    )

    name = "Dinov2WithRegisters" if registers else "Dinov2"
    sizes = {**SIZES, "image_size": 56, "patch_size": 14, "use_swiglu_ffn": gated}
    theirs = stock(f"{name}Model", f"{name}Config", **sizes)
    hidden = 88 if gated else None  # two thirds of 128, up to a multiple of 8
    ours = VisionTransformer(
        VisionShape(32, 3, 4, 14, 4, registers, layer_scale=True, mask_token=True, swiglu=hidden)
    )
    load_whole(ours, dinov2.convert(theirs.state_dict()), PUBLISHED)
    for size in (56, 70, 42):
        pixels = _pixels(2, 3, size, size)
        with torch.no_grad():
            expected, found = theirs(pixels), ours(pixels)
        torch.testing.assert_close(found.pooled, expected.pooler_output, atol=ATOL, rtol=0)
        patches = found.patches.flatten(1, 2)
        last = expected.last_hidden_state[:, 1 + registers :]
        torch.testing.assert_close(patches, last, atol=ATOL, rtol=0)


def test_dinov2_of_the_published_hub_layout_loads(stock: Any) -> None:
    from videoengine.models.backbones.networks.vision_transformer import (
        VisionShape,
        VisionTransformer,
    )

    theirs = stock("Dinov2Model", "Dinov2Config", **SIZES, image_size=56, patch_size=14)
    published = {
        key.replace(".attention.q_proj.", ".attention.attention.query.")
        .replace(".attention.k_proj.", ".attention.attention.key.")
        .replace(".attention.v_proj.", ".attention.attention.value.")
        .replace(".attention.o_proj.", ".attention.output.dense."): tensor
        for key, tensor in theirs.state_dict().items()
    }
    ours = VisionTransformer(VisionShape(32, 3, 4, 14, 4, layer_scale=True, mask_token=True))
    load_whole(ours, dinov2.convert(published), PUBLISHED)
    original = dict(ours.state_dict())  # our keys are those of the original release
    load_whole(ours, dinov2.convert(original), PUBLISHED)


@pytest.mark.parametrize("gated", [False, True])
def test_dinov3_equals_transformers(stock: Any, gated: bool) -> None:
    from videoengine.models.backbones.networks.dinov3 import Dinov3, Dinov3Shape

    sizes = {**SIZES, "num_register_tokens": 4, "use_gated_mlp": gated}
    sizes["hidden_act"] = "silu" if gated else "gelu"  # as the published configurations have it
    theirs = stock("DINOv3ViTModel", "DINOv3ViTConfig", **sizes)
    ours = Dinov3(Dinov3Shape(32, 3, 4, 64, gated))
    load_whole(ours, dinov3.convert(theirs.state_dict()), PUBLISHED)
    pixels = _pixels(2, 3, 48, 80)
    with torch.no_grad():
        expected, found = theirs(pixels), ours(pixels)
    torch.testing.assert_close(found.pooled, expected.pooler_output, atol=ATOL, rtol=0)
    assert found.patches.shape == (2, 3, 5, 32)
    last = expected.last_hidden_state[:, 5:]
    torch.testing.assert_close(found.patches.flatten(1, 2), last, atol=ATOL, rtol=0)


def test_bert_equals_transformers(stock: Any) -> None:
    from videoengine.models.backbones.networks.bert import Bert, BertShape

    sizes = {**SIZES, "intermediate_size": 128}
    theirs = stock("BertModel", "BertConfig", **sizes, vocab_size=50, max_position_embeddings=20)
    ours = Bert(BertShape(50, 32, 3, 4, 20)).eval()
    load_whole(ours, dict(theirs.state_dict()), PUBLISHED)
    ids = torch.randint(0, 50, (3, 12), generator=torch.Generator().manual_seed(1))
    attended = torch.arange(12)[None] < torch.tensor([[12], [5], [2]])
    with torch.no_grad():
        expected = theirs(ids, attended.long(), output_hidden_states=True).hidden_states
        found = ours.hidden(ids, attended)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one[attended], other[attended], atol=ATOL, rtol=0)


def test_sams_encoder_equals_transformers(stock: Any) -> None:
    from videoengine.models.backbones.networks.sam_encoder import SamEncoder, SamShape

    theirs = stock(
        "SamVisionModel",
        "SamVisionConfig",
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        mlp_dim=128,
        image_size=160,
        patch_size=16,
        window_size=4,
        global_attn_indexes=[1],
        output_channels=16,
        num_pos_feats=8,
    )
    tensors = {}
    for key, tensor in theirs.state_dict().items():
        name = key.removeprefix("vision_encoder.").replace("layers.", "blocks.", 1)
        name = name.replace("patch_embed.projection.", "patch_embed.proj.")
        name = name.replace("layer_norm", "norm") if name.startswith("blocks.") else name
        for old, new in (
            ("conv1", "0"),
            ("layer_norm1", "1"),
            ("conv2", "2"),
            ("layer_norm2", "3"),
        ):
            name = name.replace(f"neck.{old}.", f"neck.{new}.")
        tensors[name] = tensor
    ours = SamEncoder(SamShape(32, 2, 4, 10, 4, (1,), 16, absolute=True))
    load_whole(ours, tensors, PUBLISHED)
    pixels = _pixels(1, 3, 160, 160)
    with torch.no_grad():
        expected = theirs(pixels).last_hidden_state
        found = ours(pixels).patches.permute(0, 3, 1, 2)
    torch.testing.assert_close(found, expected, atol=ATOL, rtol=0)


def test_endovits_transformer_equals_timm() -> None:
    timm = pytest.importorskip("timm", reason="pip install 'videoengine[vision]'")
    from videoengine.models.backbones.networks.vision_transformer import (
        VisionShape,
        VisionTransformer,
    )

    theirs = timm.models.vision_transformer.VisionTransformer(
        img_size=64, patch_size=16, embed_dim=32, depth=3, num_heads=4, num_classes=5
    )
    theirs = _drawn(theirs.eval())
    masked = {"mask_token": torch.zeros(1, 1, 32), "decoder_embed.weight": torch.zeros(2, 2)}
    ours = VisionTransformer(VisionShape(32, 3, 4, 16, 4))
    load_whole(ours, endovit.convert({**theirs.state_dict(), **masked}), PUBLISHED)
    pixels = _pixels(2, 3, 64, 64)
    with torch.no_grad():
        expected = theirs.forward_head(theirs.forward_features(pixels), pre_logits=True)
        torch.testing.assert_close(ours(pixels).pooled, expected, atol=ATOL, rtol=0)


def test_resnets_equal_torchvisions() -> None:
    models = pytest.importorskip("torchvision.models", reason="pip install 'videoengine[vision]'")
    from videoengine.models.backbones.families.resnet import _headless
    from videoengine.models.backbones.networks.resnet import ResNet

    for depth in (18, 50):
        theirs = getattr(models, f"resnet{depth}")(weights=None).eval()
        ours = ResNet(depth).eval()
        load_whole(ours, _headless(theirs.state_dict()), PUBLISHED)
        theirs.fc = torch.nn.Identity()
        pixels = _pixels(1, 3, 96, 128)
        with torch.no_grad():
            torch.testing.assert_close(ours(pixels).pooled, theirs(pixels), atol=ATOL, rtol=1e-5)


def test_quick_gelu_towers_equal_open_clips() -> None:
    open_clip = pytest.importorskip("open_clip", reason="pip install 'videoengine[vision]'")
    from videoengine.models.backbones.networks.clip import QuickTower
    from videoengine.models.backbones.networks.vision_transformer import VisionShape

    theirs = open_clip.transformer.VisionTransformer(
        image_size=64,
        patch_size=16,
        width=32,
        layers=3,
        heads=4,
        mlp_ratio=4.0,
        output_dim=8,
        act_layer=open_clip.transformer.QuickGELU,
    )
    theirs = _drawn(theirs.eval())
    ours = QuickTower(VisionShape(32, 3, 4, 16, 4), 8).eval()
    load_whole(ours, dict(theirs.state_dict()), PUBLISHED)
    pixels = _pixels(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(pixels).pooled, theirs(pixels), atol=ATOL, rtol=0)


def test_biomedclip_equals_open_clip(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="pip install 'videoengine[hub]'")
    model = pytest.importorskip("open_clip.model", reason="pip install 'videoengine[vision]'")
    from videoengine.models.backbones.networks.bert import BertShape
    from videoengine.models.backbones.networks.clip import ImageText, TextTower, TrunkTower
    from videoengine.models.backbones.networks.vision_transformer import VisionShape

    bert = {**SIZES, "intermediate_size": 128, "vocab_size": 40}
    transformers.BertConfig(**bert).save_pretrained(tmp_path)
    vision = {
        "timm_model_name": "vit_tiny_patch16_224",
        "timm_pool": "",
        "timm_proj": "linear",
        "image_size": 224,
    }
    text = {
        "hf_model_name": str(tmp_path),
        "hf_model_pretrained": False,
        "hf_proj_type": "mlp",
        "hf_pooler_type": "cls_last_hidden_state_pooler",
        "context_length": 16,
    }
    theirs = _drawn(model.CustomTextCLIP(8, vision, text).eval())
    vit = VisionShape(192, 12, 3)
    towers = TrunkTower(vit, 8), TextTower(BertShape(40, 32, 3, 4, pooler=False), 8)
    ours = ImageText(*towers).eval()
    load_whole(ours, biomed_clip.convert(theirs.state_dict()), PUBLISHED)
    pixels = _pixels(1, 3, 224, 224)
    ids = torch.randint(1, 40, (2, 16), generator=torch.Generator().manual_seed(1))
    ids[1, 9:] = 0
    with torch.no_grad():
        expected = theirs.encode_image(pixels)
        torch.testing.assert_close(ours(pixels).pooled, expected, atol=1e-3, rtol=1e-4)
        texts = ours.text(ids, ids != 0)
        torch.testing.assert_close(texts, theirs.encode_text(ids), atol=ATOL, rtol=0)


def test_siglip_takes_every_key(stock: Any) -> None:
    from videoengine.models.backbones.networks.stock import SiglipNetwork

    vision = {**SIZES, "image_size": 32, "patch_size": 16}
    text = {**SIZES, "vocab_size": 100, "bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 1}
    sizes = {"text_config": text, "vision_config": vision}
    theirs, empty = (stock("SiglipModel", "SiglipConfig", **sizes) for _ in range(2))
    ours = SiglipNetwork(empty)
    load_whole(ours, siglip_family.convert(theirs.state_dict()), PUBLISHED)
    pixels = _pixels(2, 3, 32, 32)
    with torch.no_grad():
        found = ours(pixels)
        expected = theirs.vision_model(pixel_values=pixels).pooler_output
    torch.testing.assert_close(found.pooled, expected)
    assert found.patches.shape == (2, 2, 2, 32)


@pytest.mark.parametrize("family", ["videomae", "vjepa2"])
def test_video_transformers_take_every_key(family: str, stock: Any) -> None:
    from videoengine.models.backbones.networks.stock import ClipOfTubes

    if family == "videomae":
        sizes = {**SIZES, "image_size": 32, "num_frames": 4, "use_mean_pooling": False}
        make = lambda: stock("VideoMAEModel", "VideoMAEConfig", **sizes)  # noqa: E731
        theirs = make()
        tensors = {f"videomae.{key}": tensor for key, tensor in theirs.state_dict().items()}
        tensors = {
            key.replace("query.bias", "q_bias").replace("value.bias", "v_bias"): tensor
            for key, tensor in tensors.items()
        }
        tensors |= {"decoder.head.weight": torch.zeros(1), "mask_token": torch.zeros(1)}
        convert, arguments = video.convert_videomae, {}
    else:
        sizes = {
            "hidden_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "crop_size": 32,
            "frames_per_clip": 4,
            "pred_hidden_size": 48,
            "pred_num_hidden_layers": 1,
            "pred_num_attention_heads": 4,
        }
        make = lambda: stock("VJEPA2Model", "VJEPA2Config", **sizes)  # noqa: E731
        theirs = make()
        tensors, convert = dict(theirs.state_dict()), video.convert_vjepa
        arguments = {"skip_predictor": True}
    ours = ClipOfTubes(make(), grid=2, arguments=arguments)
    load_whole(ours, convert(tensors), PUBLISHED)
    pixels = _pixels(2, 3, 4, 32, 32)
    with torch.no_grad():
        found = ours(pixels)
        expected = theirs(pixels.transpose(1, 2), **arguments).last_hidden_state
    torch.testing.assert_close(found.pooled, expected.mean(1))
    assert found.patches.shape[:4] == (2, 2, 2, 2)


def test_endo_fms_transformer_equals_transformers(stock: Any) -> None:
    from videoengine.models.backbones.networks.timesformer import TimeSformer
    from videoengine.models.backbones.networks.vision_transformer import VisionShape

    sizes = {**SIZES, "intermediate_size": 128, "image_size": 64, "num_frames": 4}
    theirs = stock("TimesformerModel", "TimesformerConfig", **sizes)
    names = {
        "embeddings.position_embeddings": "pos_embed",
        "embeddings.time_embeddings": "time_embed",
        "embeddings.patch_embeddings.projection.": "patch_embed.proj.",
        "embeddings.": "",
        "encoder.layer.": "blocks.",
        "temporal_attention.attention.qkv": "temporal_attn.qkv",
        "temporal_attention.output.dense": "temporal_attn.proj",
        "temporal_layernorm": "temporal_norm1",
        "temporal_dense": "temporal_fc",
        "attention.attention.qkv": "attn.qkv",
        "attention.output.dense": "attn.proj",
        "layernorm_before": "norm1",
        "layernorm_after": "norm2",
        "intermediate.dense": "mlp.fc1",
        "output.dense": "mlp.fc2",
        "layernorm.": "norm.",
    }
    tensors = {}
    for key, tensor in theirs.state_dict().items():
        for old, new in names.items():
            key = key.replace(old, new)
        tensors[key] = tensor
    ours = TimeSformer(VisionShape(32, 3, 4, 16, 4), frames=4)
    load_whole(ours, tensors, PUBLISHED)
    pixels = _pixels(2, 3, 4, 64, 64)
    with torch.no_grad():
        expected = theirs(pixels.transpose(1, 2)).last_hidden_state[:, 0]
        found = ours(pixels)
    torch.testing.assert_close(found.pooled, expected, atol=ATOL, rtol=0)
    assert found.patches.shape == (2, 4, 4, 4, 32)


def test_word_pieces_equal_transformers(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="pip install 'videoengine[hub]'")
    tokenizer = pytest.importorskip("transformers.models.bert.tokenization_bert")
    from videoengine.models.backbones.wordpiece import WordPiece

    pieces = [
        *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "a", "gall", "##bladder", "Calot"),
        *("calot", "'", "s", "-", "dis", "##sect", "##ion", "##s", ".", ",", "cafe", "\u80c6", "2"),
    ]
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(pieces) + "\n", "utf-8")
    texts = [
        "The gallbladder, a Calot's dissections.",
        "  caf\u00e9\tThe-\u80c6\u80c6 2\u200b.",
        "",
        "gall" * 30,
        "dissectionZ a-- .",
    ]
    for lowercase in (True, False):
        theirs = tokenizer.BertTokenizer(str(path), do_lower_case=lowercase)
        ours = WordPiece.from_file(path, lowercase=lowercase)
        for text in texts:
            row = theirs(text, padding="max_length", max_length=12, truncation=True)
            ids, attended = ours.ids([text], 12)
            assert ids[0] == row["input_ids"], text
            assert list(map(int, attended[0])) == row["attention_mask"]
