"""What PyTorch computes, in float64, for tests/torch.rs: python goldens.py goldens.safetensors

Needs PyPI's torch and safetensors. A tensor is named case/name; the test knows the cases by their names.
"""

import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.set_default_dtype(torch.float64)
torch.manual_seed(1)
out = {}


def rounded(*shape, scale=1.0):
    """Values that are floats of 32 bits, so that nothing is lost on the way in."""
    return ((torch.rand(*shape) * 2 - 1) * scale).float().double()


def keep(case, **tensors):
    for name, value in tensors.items():
        value = value.detach()
        out[f"{case}/{name}"] = (value if value.dtype == torch.int64 else value.double()).clone().contiguous()


def activation(name, f, scale=4.0):
    x = rounded(60, scale=scale).requires_grad_()
    dy = rounded(60)
    y = f(x)
    y.backward(dy)
    keep(name, x=x, dy=dy, y=y, dx=x.grad)


activation("clip", lambda x: F.hardtanh(x, -1.5, 0.75))
activation("hard_sigmoid", F.hardsigmoid, 6.0)
activation("hard_swish", F.hardswish, 6.0)
activation("elu", lambda x: F.elu(x, float(torch.tensor(0.7).float())))
activation("selu", F.selu)
activation("celu", lambda x: F.celu(x, float(torch.tensor(1.3).float())))
activation("softplus", F.softplus)
activation("mish", F.mish, 8.0)
activation("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"))

x, slopes, dy = rounded(5, 3).requires_grad_(), rounded(3).requires_grad_(), rounded(5, 3)
y = F.prelu(x, slopes)
y.backward(dy)
keep("prelu", x=x, slopes=slopes, dy=dy, y=y, dx=x.grad, dslopes=slopes.grad)


def optimizer(name, make, steps=6):
    p = rounded(10).requires_grad_()
    p0 = p.detach().clone()
    grads = [rounded(10) for _ in range(steps)]
    optimizer = make([p])
    after = []
    for g in grads:
        p.grad = g.clone()
        optimizer.step()
        after.append(p.detach().clone())
    keep(f"optim_{name}", p0=p0, grads=torch.stack(grads), p=torch.stack(after))


O = torch.optim
optimizer("sgd", lambda p: O.SGD(p, lr=0.125, weight_decay=0.25))
optimizer("momentum", lambda p: O.SGD(p, lr=0.125, momentum=0.875, dampening=0.25, weight_decay=0.25))
optimizer("nesterov", lambda p: O.SGD(p, lr=0.125, momentum=0.875, nesterov=True))
optimizer("adam", lambda p: O.Adam(p, lr=0.125, weight_decay=0.25))
optimizer("adam_epsilon", lambda p: O.Adam(p, lr=0.125, betas=(0.8, 0.95), eps=0.5))
optimizer("amsgrad", lambda p: O.Adam(p, lr=0.125, betas=(0.5, 0.5), amsgrad=True))
optimizer("adamw", lambda p: O.AdamW(p, lr=0.125))
optimizer("rmsprop", lambda p: O.RMSprop(p, lr=0.125, weight_decay=0.25))
optimizer("rmsprop_momentum", lambda p: O.RMSprop(p, lr=0.125, alpha=0.9, eps=0.125, momentum=0.5))
optimizer("rmsprop_centred", lambda p: O.RMSprop(p, lr=0.125, centered=True, eps=0.125))
optimizer("rmsprop_both", lambda p: O.RMSprop(p, lr=0.125, centered=True, momentum=0.5, eps=0.125))
optimizer("adagrad", lambda p: O.Adagrad(p, lr=0.125, lr_decay=0.5, weight_decay=0.25))
optimizer("adagrad_initial", lambda p: O.Adagrad(p, lr=0.125, initial_accumulator_value=0.25))
optimizer("adadelta", lambda p: O.Adadelta(p, lr=1.0, weight_decay=0.25))


def labelled(name, f, log=False):
    x = rounded(7, 5, scale=3.0)
    if log:
        x = torch.log_softmax(x, 1).float().double()
    x.requires_grad_()
    labels = torch.tensor([0, 4, 2, 2, 1, 3, 0])
    weights = (rounded(5) + 1.5).float().double()
    for reduction in ("mean", "sum", "none"):
        x.grad = None
        value = f(x, labels, weights, reduction)
        value.sum().backward()
        keep(f"{name}_{reduction}", x=x, labels=labels, weights=weights, value=value.reshape(-1), dx=x.grad)


labelled("cross_entropy", lambda x, t, w, r: F.cross_entropy(x, t, reduction=r))
labelled("cross_entropy_weights", lambda x, t, w, r: F.cross_entropy(x, t, weight=w, reduction=r))
labelled("cross_entropy_ignored", lambda x, t, w, r: F.cross_entropy(x, t, weight=w, ignore_index=2, reduction=r))
labelled("cross_entropy_smoothed", lambda x, t, w, r: F.cross_entropy(x, t, label_smoothing=0.25, reduction=r))
labelled(
    "cross_entropy_all",
    lambda x, t, w, r: F.cross_entropy(x, t, weight=w, ignore_index=2, label_smoothing=0.25, reduction=r),
)
labelled("nll", lambda x, t, w, r: F.nll_loss(x, t, weight=w, ignore_index=2, reduction=r), log=True)


def elements(name, f, probabilities=False):
    y = rounded(12, scale=3.0)
    if probabilities:
        y = torch.sigmoid(y).float().double()
    y.requires_grad_()
    t = (rounded(12) * 0.5 + 0.5).float().double()
    for reduction in ("mean", "sum", "none"):
        y.grad = None
        value = f(y, t, reduction)
        value.sum().backward()
        keep(f"{name}_{reduction}", y=y, t=t, value=value.reshape(-1), dy=y.grad)


elements("squared", lambda y, t, r: F.mse_loss(y, t, reduction=r))
elements("absolute", lambda y, t, r: F.l1_loss(y, t, reduction=r))
elements("huber", lambda y, t, r: F.huber_loss(y, t, reduction=r, delta=1.5))
elements("bce", lambda y, t, r: F.binary_cross_entropy(y, t, reduction=r), probabilities=True)
elements("bce_logits", lambda y, t, r: F.binary_cross_entropy_with_logits(y, t, reduction=r))
elements(
    "bce_positive",
    lambda y, t, r: F.binary_cross_entropy_with_logits(y, t, reduction=r, pos_weight=torch.tensor(2.5)),
)


def image(name, f, shape, **parameters):
    """A function of an image, channels first; small integers, so that sums are exact."""
    x = torch.randint(-9, 10, shape).double().requires_grad_()
    y = f(x)
    dy = torch.randint(-4, 5, y.shape).double()
    y.backward(dy)
    keep(name, x=x, dy=dy, y=y, dx=x.grad)


image("max_pool_dilated", lambda x: F.max_pool2d(x, (3, 2), (2, 1), padding=1, dilation=(1, 3)), (2, 3, 9, 8))
image("max_pool_global", lambda x: F.adaptive_max_pool2d(x, 1), (2, 3, 18, 17))
image("avg_pool_counted", lambda x: F.avg_pool2d(x, (2, 4), (1, 2), padding=(1, 2)), (2, 3, 5, 6))
image("avg_pool", lambda x: F.avg_pool2d(x, (2, 4), (1, 2), (1, 2), count_include_pad=False), (2, 3, 5, 6))
image("pad_constant", lambda x: F.pad(x, (1, 2, 3, 0), value=5.0), (2, 3, 4, 5))
image("pad_edge", lambda x: F.pad(x, (1, 2, 3, 0), mode="replicate"), (2, 3, 4, 5))
image("pad_reflect", lambda x: F.pad(x, (1, 2, 3, 0), mode="reflect"), (2, 3, 4, 5))
image("pad_wrap", lambda x: F.pad(x, (1, 2, 3, 0), mode="circular"), (2, 3, 4, 5))


def layers(name, x, w, f):
    x, w = torch.randint(-5, 6, x).double(), torch.randint(-5, 6, w).double()
    keep(name, x=x, w=w, y=f(x, w))


layers("conv", (2, 3, 6, 5), (4, 3, 3, 2), lambda x, w: F.conv2d(x, w))
layers("conv_grouped", (2, 4, 6, 5), (6, 2, 3, 2), lambda x, w: F.conv2d(x, w, groups=2))
layers("conv_transpose", (2, 3, 4, 5), (3, 4, 3, 2), lambda x, w: F.conv_transpose2d(x, w, stride=2))
layers("dense", (2, 6), (5, 6), lambda x, w: F.linear(x, w))
layers("dense_after_flatten", (2, 3, 4, 2), (5, 24), lambda x, w: F.linear(x.flatten(1), w))

save_file(out, sys.argv[1], metadata={"torch": torch.__version__})
