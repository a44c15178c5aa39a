"""Every family of networks, on demand: pytest -m slow -s tests/test_families.py"""

import pytest
import torch
from kindred.activations import layers, penultimate
from kindred.attacks.perturbation import perturb
from kindred.attacks.pgd import Pgd
from kindred.inversion import inversion
from kindred.workflow.errors import BadInput
from nets import timm_model
from test_penultimate import check_affine

# The smallest of each module of timm 1.0.31, and some special heads.
FAMILIES = """
    beit_base_patch16_224 halonet_h1 mobileone_s1 cait_xxs24_224 coat_tiny convit_tiny convmixer_768_32
    convnext_zepto_rms cpubone_nano crossvit_tiny_240 csatv2 cs3darknet_focus_s cspnext_tiny davit_tiny
    deepseek_vit_412m deit_tiny_distilled_patch16_224 densenet121 dla46x_c dpn48b edgenext_xx_small
    efficientformer_l1 efficientformerv2_s0 mobilenetv2_035 efficientvim_m1 efficientvit_b0 efficientvit_m0
    vit_tiny_patch16_dinov3_qkvb fasternet_t0 fastvit_t8 focalnet_tiny_srf gcvit_xxtiny gemma4_vit_167m
    ghostnet_050 hardcorenas_b hgnetv2_b0 hiera_tiny_224 sam2_hiera_tiny hrnet_w18_small iformer_t
    inception_next_atto inception_resnet_v2 inception_v3 inception_v4 lcnetv2_small levit_128s lowformer_b0
    mambaout_femto maxvit_pico_rw_256 poolformerv2_s12 gmlp_ti16_224 lcnet_035 mobilenetv5_base
    mobilevit_xxs mvitv2_tiny naflexvit_base_patch16_parfac_gap nasnetalarge nest_tiny nextvit_small
    nf_regnet_b0 pit_ti_224 pnasnet5large pvt_v2_b0 qwen3_vit_88m rdnet_tiny regnetx_002 repghostnet_050
    repvit_m1 res2next50 resnest14d resnet10t resnetv2_18 rexnet_100 selecsls42 legacy_seresnet18
    sequencer2d_s shvit_s1 skresnet18 starnet_s050 swiftformer_xs swin_tiny_patch4_window7_224
    swinv2_tiny_window8_256 swinv2_cr_tiny_224 tiny_vit_5m_224 tnt_s_legacy_patch16_224 tresnet_m
    twins_svt_small vgg11_bn visformer_tiny vit_tiny_patch16_224 vit_tiny_r_s16_p8_224
    vit_srelpos_small_patch16_224 samvit_base_patch16_224 vitamin_small_224 volo_d1_224
    ese_vovnet19b_slim_dw legacy_xception xception41p xcit_nano_12_p8_224
    resnet50_clip mobilenetv3_small_050 resmlp_12_224 mixer_s32_224 dm_nfnet_f0 vit_base_patch16_siglip_224
    torchvision:resnet18 torchvision:vgg11 torchvision:densenet121 torchvision:mobilenet_v2 torchvision:mnasnet0_5
    torchvision:shufflenet_v2_x0_5 torchvision:swin_t torchvision:vit_b_16 torchvision:squeezenet1_0
"""
# Deep transformers of one width throughout are cut to two blocks.
SHALLOW = ("beit", "eva", "vit_tiny_patch16_dinov3", "naflexvit", "qwen3", "samvit", "deepseek", "gemma4", "tnt")
CHECKS = ("forward", "gradient", "layers", "capture", "blocks", "attack", "inversion", "affine")
NOT_AFFINE = {
    "volo_d1_224",  # adds the maximum over an auxiliary head
    "torchvision:squeezenet1_0",  # a ReLU comes last
}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def _at_a_size_it_takes(architecture):
    arguments = {"depth": 2} if architecture.startswith(SHALLOW) else {}
    for size in (64, 224, 240, 256):
        try:
            classifier = timm_model(architecture, size=size, channels=3, **arguments).requires_grad_(False)
            classifier(torch.rand(1, 3, size, size))
            return classifier, size
        except (BadInput, RuntimeError, AssertionError, ValueError):
            continue
    return None, 0


def _check_family(architecture):
    """Which of CHECKS hold, and the numbers of layers, blocks and penultimate features."""
    classifier, size = _at_a_size_it_takes(architecture)
    if classifier is None:
        return {}, "cannot be run"
    images = torch.rand(2, 3, size, size, requires_grad=True)
    logits = classifier(images)
    found = layers.list_layers(classifier, images)
    blocks = layers.resolve(classifier, "blocks", images)[:-1]
    names = [layer.name for layer in found]
    with torch.inference_mode():
        got = layers.capture(classifier, images, names)
    vectors = penultimate.features(classifier)(images)
    (grad,) = torch.autograd.grad((vectors * torch.randn_like(vectors)).sum(), images)
    holds = {
        "forward": logits.shape == (2, 10) and bool(logits.isfinite().all()),
        "gradient": bool((grad.flatten(1).norm(dim=1) > 0).all() and grad.isfinite().all()),
        "layers": len(names) == len(set(names)) > 10 and not any("/" in name for name in names),
        "capture": all(got[layer.name].shape == (2, *layer.shape) for layer in found),
        "blocks": len(blocks) > 1,
    }
    clean, labels = images.detach(), logits.argmax(1)
    attack = Pgd(norm="linf", eps=0.03, steps=2)
    changed = perturb(classifier, clean, labels, attack, torch.Generator().manual_seed(0))
    loss = torch.nn.functional.cross_entropy
    with torch.inference_mode():
        grown = loss(classifier(changed), labels) - loss(classifier(clean), labels)
    holds["attack"] = bool((changed - clean).abs().max() <= 0.03 + 1e-6 and grown > -1e-6)
    found = inversion.invert(penultimate.features(classifier), clean, clean.flip(0), steps=3, step_size=0.125)
    start = (vectors.flip(0) - vectors).norm(dim=1) / vectors.norm(dim=1)
    holds["inversion"] = bool(found.loss.isfinite().all() and (found.loss <= start * (1 + 1e-4)).all())
    try:
        check_affine(classifier, images)
        holds["affine"] = True
    except BadInput:
        holds["affine"] = False
    return (holds, f"{len(names):5d} layers {len(blocks):4d} blocks {vectors.shape[1]:6d} features at {size} px")


@pytest.mark.slow
def test_every_family(capsys):
    failures = {}
    for architecture in FAMILIES.split():
        holds, numbers = _check_family(architecture)
        failed = {check for check in CHECKS if not holds.get(check)}
        with capsys.disabled():
            print(f"{architecture:36s} {numbers}  {'FAILED: ' + ', '.join(sorted(failed)) if failed else 'ok'}")
        if failed:
            failures[architecture] = failed
    assert failures == {name: {"affine"} for name in NOT_AFFINE}
