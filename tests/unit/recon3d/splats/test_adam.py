"""Adam on what was seen: torch's own Adam for these, its moments for others, bad gradients."""

from __future__ import annotations

import math
from typing import Any, Final

import pytest

torch = pytest.importorskip("torch")

# ruff: noqa: E402
from torch import Tensor

from videoengine import _native
from videoengine.errors import UsageError
from videoengine.recon3d.splats import AdamRates, Gaussians, SplatAdam

pytestmark = pytest.mark.torch

TOLERANCES: Final = {
    "float64": 1e-12,  # beta^k by squaring; the corrections multiplied instead of divided by
    "float32": 2e-6,  # some units in the last place, over 30 steps
}
RATES: Final = AdamRates(1e-2, 2e-2, 3e-2, 4e-2, 5e-2, 6e-3, beta_second=0.99, epsilon=1e-9)


def made(count: int, *, degree: int = 1, dtype: Any = torch.float64) -> Gaussians:
    draws = torch.Generator().manual_seed(3)

    def leaf(*shape: int) -> Tensor:
        start = torch.randn(*shape, generator=draws, dtype=torch.float64)
        return start.to(dtype).requires_grad_()

    bases = (degree + 1) ** 2
    return Gaussians(
        leaf(count, 3), leaf(count, 4), leaf(count, 3), leaf(count), leaf(count, bases, 3)
    )


def gradients(scene: Gaussians, step: int) -> list[Tensor]:
    """Return gradients of very different sizes, some of them 0."""
    draws = torch.Generator().manual_seed(100 + step)
    out = []
    for tensor in scene.tensors:
        size = torch.randn(tensor.shape, generator=draws, dtype=torch.float64)
        away = torch.randn(tensor.shape, generator=draws, dtype=torch.float64)
        out.append((size.sign() * 10 ** (2 * away) * (size.abs() > 0.1)).to(tensor.dtype))
    return out


def set_gradients(scene: Gaussians, values: list[Tensor]) -> None:
    for tensor, gradient in zip(scene.tensors, values, strict=True):
        tensor.grad = gradient.clone()


class PlainAdam:
    """`torch.optim.Adam` on the same Gaussians, with a rate of its own for each tensor."""

    def __init__(self, scene: Gaussians, rates: AdamRates) -> None:
        *whole, harmonics = (t.detach().clone() for t in scene.tensors)
        self.parts = [*whole, harmonics[:, :1].clone(), harmonics[:, 1:].clone()]
        groups = [
            {"params": [part], "lr": rate}
            for part, rate in zip(self.parts, rates.numbers()[:6], strict=True)
        ]
        betas = (rates.beta_first, rates.beta_second)
        self.adam = torch.optim.Adam(groups, lr=0.0, betas=betas, eps=rates.epsilon)

    def step(self, values: list[Tensor], visible: Tensor | None = None) -> None:
        """Step with gradients of 0 for who is not visible, and put these back where they were."""
        *whole, harmonics = values
        before = [part.clone() for part in self.parts]
        for part, value in zip(
            self.parts, [*whole, harmonics[:, :1], harmonics[:, 1:]], strict=True
        ):
            part.grad = value.clone()
            if visible is not None:
                part.grad[~visible] = 0.0
        self.adam.step()
        if visible is not None:
            for part, old in zip(self.parts, before, strict=True):
                part[~visible] = old[~visible]

    @property
    def tensors(self) -> list[Tensor]:
        return [*self.parts[:4], torch.cat(self.parts[4:], dim=1)]


def off(found: Tensor, wanted: Tensor) -> float:
    return float((found.detach().double() - wanted.double()).abs().max() / wanted.abs().max())


@pytest.mark.parametrize("degree", [0, 1, 3])
@pytest.mark.parametrize(
    ("dtype", "name"), [(torch.float64, "float64"), (torch.float32, "float32")]
)
def test_where_all_are_seen_it_is_the_adam_of_torch(degree: int, dtype: Any, name: str) -> None:
    scene = made(70, degree=degree, dtype=dtype)
    plain, ours = PlainAdam(scene, RATES), SplatAdam(scene, RATES)
    every = torch.ones(70, dtype=torch.bool)
    for step in range(30):
        values = gradients(scene, step)
        plain.step(values)
        set_gradients(scene, values)
        ours.step(visible=every)
    assert ours.steps == 30
    for found, wanted in zip(scene.tensors, plain.tensors, strict=True):
        assert off(found, wanted) <= TOLERANCES[name]


def test_who_rested_has_the_moments_of_gradients_of_zero_and_has_not_moved() -> None:
    scene = made(3000)  # more than one thread takes at a time
    plain, ours = PlainAdam(scene, RATES), SplatAdam(scene, RATES)
    draws = torch.Generator().manual_seed(9)
    rested = 0
    for step in range(40):
        visible = torch.rand(3000, generator=draws) < 0.15
        values = gradients(scene, step)
        plain.step(values, visible)
        set_gradients(scene, values)
        before = scene.means.detach().clone()
        ours.step(visible=visible)
        assert torch.equal(scene.means.detach()[~visible], before[~visible])
        rested += int((~visible).sum())
    assert rested > 90_000
    for found, wanted in zip(scene.tensors, plain.tensors, strict=True):
        assert off(found, wanted) <= TOLERANCES["float64"]


def test_by_default_those_without_a_gradient_rest() -> None:
    one, other = made(50), made(50)
    by_mask, by_gradient = SplatAdam(one, RATES), SplatAdam(other, RATES)
    draws = torch.Generator().manual_seed(2)
    for step in range(12):
        visible = torch.rand(50, generator=draws) < 0.5
        values = gradients(one, step)
        for value in values:
            value[~visible] = 0.0
        values[3][visible] = 1.0
        set_gradients(one, values)
        set_gradients(other, values)
        by_mask.step(visible=visible)
        by_gradient.step()
    assert all(torch.equal(a, b) for a, b in zip(one.tensors, other.tensors, strict=True))


def test_every_instruction_set_moves_to_the_same_bits() -> None:
    moved = []
    for name in ("best", "baseline"):
        scene = made(700, degree=2, dtype=torch.float32).map(Tensor.detach)
        lists = [list(scene.tensors), [torch.empty_like(t) for t in scene.tensors]]
        lists += [[torch.zeros_like(t) for t in scene.tensors] for _ in range(2)]
        last, decays = torch.zeros(700, dtype=torch.int32), torch.zeros(700, 2)
        clock, faults = torch.zeros(4, dtype=torch.float64), torch.zeros(2, dtype=torch.int64)
        draws = torch.Generator().manual_seed(4)
        for step in range(6):
            lists[1] = gradients(scene, step)
            visible = (torch.rand(700, generator=draws) < (0.3 if step % 2 else 2.0)).view(
                torch.uint8
            )
            tensors: list[Any] = [t.reshape(700, -1).numpy() for part in lists for t in part]
            state: list[Any] = [visible.numpy(), None, *(t.numpy() for t in (last, clock, faults))]
            widths, numbers = [3, 4, 3, 1, 27], RATES.numbers()
            state.append(decays.numpy())
            assert _native.adam_step(tensors, state, 700, widths, numbers, False, name) == -1
        moved.append([t for part in (lists[0], lists[2], lists[3]) for t in part])
    assert all(torch.equal(a, b) for a, b in zip(moved[0], moved[1], strict=True))


def test_long_rests_decay_to_nothing_and_stay_finite() -> None:
    scene = made(2, dtype=torch.float32)
    ours = SplatAdam(scene, RATES)
    for step in range(2000):
        set_gradients(scene, gradients(scene, 0 if step in (0, 1999) else 1))
        ours.step(visible=torch.tensor([True, step in (0, 1999)]))
    assert all(bool(torch.isfinite(t).all()) for t in scene.tensors)
    assert ours.steps == 2000


def test_a_skipped_step_is_none() -> None:
    one, other = made(20), made(20)
    plain, skipping = SplatAdam(one, RATES), SplatAdam(other, RATES)
    for step in range(6):
        set_gradients(one, gradients(one, step))
        plain.step()
        for skip in (1, 0):
            wanted = gradients(other, step if skip == 0 else 77)
            if skip:
                wanted[0][3, 1] = math.nan  # what was skipped may hold anything
            set_gradients(other, wanted)
            skipping.step(skip=torch.tensor([skip]))
    assert skipping.steps == plain.steps == 6
    assert all(torch.equal(a, b) for a, b in zip(one.tensors, other.tensors, strict=True))


def test_a_gradient_that_is_no_number_moves_nothing() -> None:
    for value in (math.nan, math.inf):
        scene = made(9)
        ours = SplatAdam(scene, RATES)
        values = gradients(scene, 0)
        values[4][7, 2, 1] = value
        set_gradients(scene, values)
        before = [t.detach().clone() for t in scene.tensors]
        with pytest.raises(UsageError, match="The gradient of Gaussian 7 is no number"):
            ours.step()
        assert all(torch.equal(a, b) for a, b in zip(before, scene.tensors, strict=True))
        assert ours.steps == 0
        hidden = torch.ones(9, dtype=torch.bool)
        hidden[7] = False
        ours.step(visible=hidden)
        ours.check()
        assert ours.steps == 1


def test_a_frozen_tensor_stays() -> None:
    scene = made(9)
    frozen = scene.means.detach().clone()
    scene = Gaussians(frozen, *scene.tensors[1:])
    ours = SplatAdam(scene, RATES)
    for tensor, gradient in zip(scene.tensors[1:], gradients(scene, 0)[1:], strict=True):
        tensor.grad = gradient
    before = frozen.clone(), scene.logits.detach().clone()
    ours.step()
    assert torch.equal(frozen, before[0])
    assert not torch.equal(scene.logits, before[1])


def test_moments_move_with_their_gaussians() -> None:
    scene = made(30)
    ours, plain = SplatAdam(scene, RATES), PlainAdam(scene, RATES)
    for step in range(5):
        set_gradients(scene, gradients(scene, step))
        ours.step(visible=torch.ones(30, dtype=torch.bool))
        plain.step(gradients(scene, step))
    rows = torch.tensor([4, 29, -1, 4])
    chosen = scene.map(lambda t: t.detach()[rows.clamp(min=0)].clone().requires_grad_())
    moved = ours.moved_to(chosen, rows)
    assert moved.steps == 5
    values = gradients(scene, 5)
    set_gradients(chosen, [value[rows.clamp(min=0)] for value in values])
    moved.step(visible=torch.ones(4, dtype=torch.bool))
    plain.step(values)
    for found, wanted in zip(chosen.tensors, plain.tensors, strict=True):
        for i in (0, 1, 3):
            assert off(found[i], wanted[rows[i]]) <= TOLERANCES["float64"]
    with pytest.raises(UsageError, match="No such Gaussian; got 30; allowed: -1 to 29"):
        ours.moved_to(chosen, torch.tensor([0, 1, 2, 30]))


def test_none_is_a_scene_as_well() -> None:
    scene = made(0)
    set_gradients(scene, gradients(scene, 0))
    ours = SplatAdam(scene, RATES)
    ours.step()
    assert ours.steps == 1


def test_autograd_notices_that_parameters_moved() -> None:
    scene = made(5)
    set_gradients(scene, gradients(scene, 0))
    squares = (scene.means * scene.means).sum()
    SplatAdam(scene, RATES).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        squares.backward()


def test_the_operator_passes_the_checks_of_torch() -> None:
    scene = made(6)
    values = [t.detach() for t in scene.tensors]
    zeros = [torch.zeros_like(t) for t in values]
    last = torch.zeros(6, dtype=torch.int32)
    clock, faults = torch.zeros(4, dtype=torch.float64), torch.zeros(2, dtype=torch.int64)
    moved = (values, gradients(scene, 0), zeros, [t.clone() for t in zeros])
    decays = torch.zeros(6, 2, dtype=torch.float64)
    torch.library.opcheck(
        torch.ops.videoengine.splat_adam,
        (*moved, None, None, last, clock, faults, decays, list(range(5)), RATES.numbers()),
    )


def test_what_cannot_be_moved_is_refused() -> None:
    scene = made(4)
    with pytest.raises(UsageError, match="means have no gradient; got None"):
        SplatAdam(scene).step()
    with pytest.raises(UsageError, match="means cannot be moved in place; got a tensor computed"):
        SplatAdam(scene.map(lambda t: 2 * t))
    strided = torch.zeros(4, 2, dtype=torch.float64)[:, 0].requires_grad_()
    with pytest.raises(UsageError, match="logits cannot be moved in place; got a strided one"):
        SplatAdam(Gaussians(*scene.tensors[:3], strided, scene.harmonics))
    with pytest.raises(UsageError, match="Nothing moves"):
        SplatAdam(scene.map(Tensor.detach))
    with pytest.raises(UsageError, match="No step is taken there; got meta"):
        SplatAdam(scene.map(lambda t: t.detach().to("meta").requires_grad_()))
    set_gradients(scene, gradients(scene, 0))
    ours = SplatAdam(scene)
    with pytest.raises(UsageError, match=r"visible does not go .* got torch\.bool \(3,\) on cpu"):
        ours.step(visible=torch.ones(3, dtype=torch.bool))
    with pytest.raises(UsageError, match=r"skip does not go .* got torch\.bool \(1,\) on cpu"):
        ours.step(skip=torch.ones(1, dtype=torch.bool))
    with pytest.raises(UsageError, match="A rate is impossible"):
        AdamRates(means=-1.0)
    with pytest.raises(UsageError, match="A beta is impossible"):
        AdamRates(beta_first=1.0)
